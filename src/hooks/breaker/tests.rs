use super::*;
use proptest::prelude::*;

const COOLDOWN: Duration = Duration::from_secs(5);
use Ending::{Abandoned, Stumbled, Succeeded, Unreachable};

fn breaker() -> Breaker {
    Breaker::new(BreakerSettings { failures: 3, cooldown: COOLDOWN })
}

fn asks(client: u64, destination: u64) -> Cause {
    Cause { client, destination: Some(destination) }
}

/// One call, which passes.
#[track_caller]
fn call(breaker: &mut Breaker, cause: Cause, ending: Ending, now: Instant) -> Option<Change> {
    let passed = breaker.enter(cause, now).expect("calls pass");
    breaker.ended(&passed, ending, now)
}

/// Everything is held back, because nobody was reached.
fn opened(now: Instant) -> Breaker {
    let mut breaker = breaker();
    for _ in 0..3 {
        call(&mut breaker, asks(1, 1), Unreachable, now);
    }
    assert!(breaker.is_open());
    breaker
}

#[test]
fn a_backend_that_is_not_reached_is_left_alone_by_all_and_a_success_in_between_starts_the_count_anew() {
    let (mut breaker, now) = (breaker(), Instant::now());
    for ending in [Unreachable, Unreachable, Succeeded, Unreachable, Unreachable] {
        assert_eq!(call(&mut breaker, asks(1, 1), ending, now), None);
    }
    assert_eq!(call(&mut breaker, asks(1, 1), Unreachable, now), Some(Change::Opened));
    assert!(breaker.enter(asks(2, 2), now).is_none());
}

#[test]
fn one_slow_destination_is_left_alone_by_itself_whoever_asks() {
    let (mut breaker, now) = (breaker(), Instant::now());
    for client in 0..3 {
        assert_eq!(call(&mut breaker, asks(client, 7), Stumbled, now), None);
    }
    assert!(breaker.enter(asks(9, 7), now).is_none(), "it is slow for everybody");
    for client in 0..40 {
        call(&mut breaker, asks(client, 8), Succeeded, now);
    }
    assert!(!breaker.is_open());
}

#[test]
fn one_client_over_which_the_backend_stumbles_stops_nobody_else_wherever_it_sends() {
    let (mut breaker, now) = (breaker(), Instant::now());
    for _ in 0..3 {
        call(&mut breaker, asks(1, 7), Stumbled, now);
    }
    assert!(breaker.enter(asks(1, 7), now).is_none());
    call(&mut breaker, asks(2, 7), Stumbled, now);
    call(&mut breaker, asks(2, 7), Succeeded, now);
    for destination in [8, 9] {
        call(&mut breaker, asks(1, destination), Stumbled, now);
    }
    assert!(breaker.enter(asks(1, 10), now).is_none(), "it has stumbled over enough");
    call(&mut breaker, asks(2, 10), Succeeded, now);
    assert!(!breaker.is_open());
}

#[test]
fn questions_that_have_nothing_in_common_fail_because_of_the_backend() {
    let (mut breaker, now) = (breaker(), Instant::now());
    for cause in [asks(1, 1), asks(1, 2), asks(2, 1), asks(2, 2)] {
        assert_eq!(call(&mut breaker, cause, Stumbled, now), None);
    }
    assert_eq!(call(&mut breaker, asks(3, 3), Stumbled, now), Some(Change::Opened));
    assert!(breaker.enter(asks(4, 4), now).is_none());
}

#[test]
fn who_connects_has_nothing_in_common_with_others() {
    let (mut breaker, now) = (breaker(), Instant::now());
    let connects = |client| Cause { client, destination: None };
    for _ in 0..3 {
        assert_eq!(call(&mut breaker, connects(1), Stumbled, now), None);
    }
    assert!(breaker.enter(connects(1), now).is_none());
    assert_eq!(call(&mut breaker, connects(2), Stumbled, now), None);
    assert_eq!(call(&mut breaker, connects(3), Stumbled, now), Some(Change::Opened));
}

#[test]
fn after_the_cooldown_one_call_probes_and_its_success_lets_all_pass() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + COOLDOWN;
    assert!(breaker.enter(asks(1, 1), later - Duration::from_nanos(1)).is_none());
    let probe = breaker.enter(asks(1, 1), later).expect("the probe");
    assert!(breaker.enter(asks(2, 2), later).is_none());
    assert_eq!(breaker.ended(&probe, Succeeded, later), Some(Change::Closed));
    call(&mut breaker, asks(2, 2), Succeeded, later);
}

#[test]
fn a_probe_that_fails_opens_for_another_cooldown_and_one_that_is_abandoned_makes_room_for_the_next() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + COOLDOWN;
    assert_eq!(call(&mut breaker, asks(1, 1), Unreachable, later), None);
    assert!(breaker.enter(asks(1, 1), later).is_none());
    call(&mut breaker, asks(1, 1), Abandoned, later + COOLDOWN);
    assert!(breaker.enter(asks(1, 1), later + COOLDOWN).is_some());
}

#[test]
fn who_has_stumbled_over_its_probe_lets_others_try_first() {
    let now = Instant::now();
    let mut breaker = opened(now);
    call(&mut breaker, asks(1, 1), Stumbled, now + COOLDOWN);
    let later = now + 2 * COOLDOWN;
    assert!(breaker.enter(asks(1, 2), later).is_none());
    assert_eq!(call(&mut breaker, asks(2, 2), Succeeded, later), Some(Change::Closed));
}

#[test]
fn who_is_alone_waits_no_longer_for_itself() {
    let (mut breaker, now) = (breaker(), Instant::now());
    for _ in 0..3 {
        call(&mut breaker, asks(1, 7), Stumbled, now);
    }
    call(&mut breaker, asks(1, 7), Stumbled, now + COOLDOWN);
    assert!(breaker.enter(asks(1, 7), now + COOLDOWN).is_none());
    call(&mut breaker, asks(1, 7), Succeeded, now + 2 * COOLDOWN);
    assert!(breaker.some.is_empty(), "nothing is remembered of what works");
}

#[test]
fn what_was_called_before_it_opened_neither_closes_it_nor_keeps_it_open() {
    let now = Instant::now();
    let mut breaker = breaker();
    let before: Vec<_> = (0..2).map(|_| breaker.enter(asks(9, 9), now).expect("it passes")).collect();
    for _ in 0..3 {
        call(&mut breaker, asks(1, 1), Unreachable, now);
    }
    assert_eq!(breaker.ended(&before[0], Succeeded, now), None);
    assert!(breaker.is_open());
    assert_eq!(breaker.ended(&before[1], Stumbled, now + COOLDOWN), None);
    assert!(breaker.enter(asks(1, 1), now + COOLDOWN).is_some());
}

#[test]
fn failures_by_the_thousand_are_bounded_and_forgotten() {
    let (mut breaker, now) = (breaker(), Instant::now());
    for n in 0..10 * MAX_KEYS as u64 {
        // Successes in between, or everything would be held back.
        call(&mut breaker, asks(n, n), Stumbled, now);
        call(&mut breaker, asks(u64::MAX, u64::MAX), Succeeded, now);
    }
    assert_eq!(breaker.some.len(), MAX_KEYS);
    call(&mut breaker, asks(u64::MAX - 1, 0), Stumbled, now + REMEMBERED);
    assert!(breaker.some.len() <= 3);
}

proptest! {
    /// Whatever happens, it never stays shut: two cooldowns after the last ending, anybody passes.
    #[test]
    fn anybody_passes_when_everything_has_ended_for_long_enough(
        calls in prop::collection::vec((0..4_u8, 0..3_u64, 0..3_u64), 0..60),
        last in (0..3_u64, 0..3_u64),
    ) {
        let (mut breaker, mut now) = (breaker(), Instant::now());
        for (ending, client, destination) in calls {
            now += Duration::from_secs(1);
            let ending = [Succeeded, Stumbled, Unreachable, Abandoned][usize::from(ending)];
            if let Some(passed) = breaker.enter(asks(client, destination), now) {
                breaker.ended(&passed, ending, now);
            }
        }
        prop_assert!(breaker.enter(asks(last.0, last.1), now + 2 * COOLDOWN).is_some());
    }
}
