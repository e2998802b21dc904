use super::*;
use std::net::IpAddr;

fn scope(messages: (u32, u32), excess: Excess) -> ScopeSettings {
    let (rate, burst) = messages;
    ScopeSettings { messages_per_second: Some(rate), messages_burst: Some(burst), excess, ..ScopeSettings::default() }
}

fn address(text: &str) -> AddressKey {
    text.parse::<IpAddr>().unwrap().into()
}

/// Limits, a session, and a clock that stands still.
struct Scene {
    limits: RateLimits,
    session: SessionRate,
    now: Instant,
}

impl Scene {
    fn new(settings: RateSettings) -> Self {
        settings.validate().unwrap();
        let now = Instant::now();
        Self { limits: RateLimits::new(&settings, now), session: SessionRate::default(), now }
    }

    fn send_as(&self, session: &SessionRate, user: Option<&str>, from: &str, bytes: usize) -> Verdict {
        let keys = RateKeys { session, user, address: address(from), destination: None };
        self.limits.check(&keys, bytes, self.now)
    }

    fn send(&self) -> Verdict {
        self.send_bytes(1)
    }

    fn send_bytes(&self, bytes: usize) -> Verdict {
        self.send_as(&self.session, None, "192.0.2.1", bytes)
    }

    fn hits(&self, name: &str) -> u64 {
        self.limits.hits().find(|(limit, _)| *limit == name).unwrap().1
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn nothing_is_limited_by_default() {
    let scene = Scene::new(RateSettings::default());
    assert!((0..10_000).all(|_| scene.send_bytes(1 << 20) == Verdict::Pass));
}

#[test]
fn a_burst_passes_and_then_one_message_each_interval_exactly() {
    let session = scope((10, 3), Excess::SlowDown);
    let mut scene = Scene::new(RateSettings { session, ..RateSettings::default() });
    assert_eq!([(); 4].map(|()| scene.send()), [Verdict::Pass, Verdict::Pass, Verdict::Pass, Verdict::Wait(ms(100))]);
    scene.now += ms(100) - Duration::from_nanos(1);
    assert_eq!(scene.send(), Verdict::Wait(Duration::from_nanos(1)));
    scene.now += Duration::from_nanos(1);
    assert_eq!([scene.send(), scene.send()], [Verdict::Pass, Verdict::Wait(ms(100))]);
    scene.now += ms(60_000);
    assert_eq!((0..9).filter(|_| scene.send() == Verdict::Pass).count(), 3, "what was not used does not add up");
}

#[test]
fn bytes_are_limited_beside_messages_and_a_message_that_does_not_pass_is_charged_for_neither() {
    let session = ScopeSettings { bytes_per_second: Some(1000), ..scope((10, 2), Excess::SlowDown) };
    let mut scene = Scene::new(RateSettings { session, ..RateSettings::default() });
    assert_eq!(scene.send_bytes(600), Verdict::Pass);
    for _ in 0..10 {
        assert_eq!(scene.send_bytes(600), Verdict::Wait(ms(200)));
    }
    assert_eq!(scene.send_bytes(400), Verdict::Pass, "the refused ones took no message");
    assert_eq!((scene.hits("session_messages"), scene.hits("session_bytes")), (0, 10));
    scene.now += ms(1000);
    assert_eq!(scene.send_bytes(5000), Verdict::Pass, "larger than the burst, and the bucket is full");
    scene.now += ms(1000);
    assert_eq!(scene.send_bytes(1), Verdict::Wait(ms(3001)), "and it is paid for");
}

#[test]
fn what_is_over_a_limit_waits_or_is_refused_or_ends_the_session() {
    for (excess, expected) in [
        (Excess::SlowDown, Verdict::Wait(ms(500))),
        (Excess::Refuse, Verdict::Refuse { limit: "session_messages", retry_after: ms(500) }),
        (Excess::Close, Verdict::Close { limit: "session_messages" }),
    ] {
        let scene = Scene::new(RateSettings { session: scope((2, 1), excess), ..RateSettings::default() });
        assert_eq!([scene.send(), scene.send()], [Verdict::Pass, expected]);
    }
}

#[test]
fn a_dry_run_counts_and_lets_everything_pass() {
    let settings = RateSettings { dry_run: true, session: scope((1, 1), Excess::Close), ..RateSettings::default() };
    let scene = Scene::new(settings);
    assert!((0..5).all(|_| scene.send() == Verdict::Pass));
    assert_eq!(scene.hits("session_messages"), 4);
}

#[test]
fn a_session_that_waits_for_its_user_s_limit_is_not_charged_again_and_again() {
    let settings = RateSettings {
        session: scope((1, 2), Excess::Close),
        user: scope((1, 1), Excess::SlowDown),
        ..RateSettings::default()
    };
    let mut scene = Scene::new(settings);
    let (one, other) = (SessionRate::default(), SessionRate::default());
    assert_eq!(scene.send_as(&one, Some("ada"), "192.0.2.1", 1), Verdict::Pass);
    for _ in 0..10 {
        assert_eq!(scene.send_as(&other, Some("ada"), "192.0.2.1", 1), Verdict::Wait(ms(1000)));
    }
    scene.now += ms(1000);
    assert_eq!(scene.send_as(&other, Some("ada"), "192.0.2.1", 1), Verdict::Pass);
}

#[test]
fn r4_a_new_session_does_not_get_a_user_around_the_user_s_limit() {
    let scene = Scene::new(RateSettings { user: scope((1, 5), Excess::Refuse), ..RateSettings::default() });
    let send = |user: &str, from: &str| scene.send_as(&SessionRate::default(), Some(user), from, 1) == Verdict::Pass;
    let passed = (0..20).filter(|n| send("ada", &format!("192.0.2.{n}"))).count();
    assert_eq!(passed, 5);
    assert!(send("bob", "192.0.2.1"));
    assert_eq!(scene.hits("user_messages"), 15);
}

#[test]
fn r2_all_of_a_64_bit_network_are_one_and_so_are_both_spellings_of_an_ipv4_address() {
    let scene = Scene::new(RateSettings { address: scope((1, 2), Excess::Refuse), ..RateSettings::default() });
    let send = |from: &str| scene.send_as(&SessionRate::default(), None, from, 1) == Verdict::Pass;
    assert!(send("2001:db8::1") && send("2001:db8::ffff:ffff:ffff:ffff") && !send("2001:db8::2"));
    assert!(send("2001:db8:0:1::1"));
    assert!(send("192.0.2.1") && send("::ffff:192.0.2.1") && !send("192.0.2.1"));
}

#[test]
fn all_that_is_sent_to_one_destination_is_counted_together() {
    let scene = Scene::new(RateSettings { destination: scope((1, 2), Excess::Refuse), ..RateSettings::default() });
    let send = |to: &str| {
        let (session, destination) = (SessionRate::default(), Destination::parse(to.to_owned()).unwrap());
        let keys = RateKeys { session: &session, user: None, address: address("::1"), destination: Some(&destination) };
        scene.limits.check(&keys, 1, scene.now) == Verdict::Pass
    };
    assert!(send("/topic/a") && send("/topic/a") && !send("/topic/a") && send("/topic/b"));
}

#[test]
fn r3_a_million_keys_stay_within_64_mb_share_a_bucket_beyond_the_limit_and_are_forgotten() {
    let keyed = Keyed::new(1_000_000);
    for key in 0..1_100_000_u32 {
        keyed.with(key, |buckets| buckets.messages = 10);
    }
    assert!(keyed.len() <= 1_000_000, "{}", keyed.len());
    assert!(keyed.bytes() <= 64 << 20, "{}", keyed.bytes());
    assert_eq!(keyed.peek("a newcomer").messages, 10, "it shares the bucket of those that came too late");
    keyed.tidy(9);
    assert!(keyed.len() > 900_000, "they are not full again yet");
    keyed.tidy(10);
    assert_eq!((keyed.len(), keyed.bytes()), (0, 0));
}

#[test]
fn whoever_comes_too_late_is_limited_together_with_the_others() {
    let settings = RateSettings { max_keys: 1, user: scope((1, 3), Excess::Refuse), ..RateSettings::default() };
    let mut scene = Scene::new(settings);
    let send =
        |scene: &Scene, n: u32| scene.send_as(&SessionRate::default(), Some(&n.to_string()), "::1", 1) == Verdict::Pass;
    let passed = (0..1000).filter(|n| send(&scene, *n)).count();
    assert!(passed <= 16 + 3, "{passed}: one for each shard's only key, and one burst for all others");
    scene.now += ms(60_000);
    scene.limits.tidy(scene.now);
    assert!(send(&scene, 5000), "there is room again");
}

#[test]
fn a_session_s_own_limits_take_24_bytes() {
    assert_eq!(size_of::<SessionRate>(), 24);
}

#[test]
fn j8_the_eleventh_failure_in_a_minute_is_refused_and_others_are_not() {
    let start = Instant::now();
    let failures = ConnectFailures::new(10, start);
    let attacker = address("2001:db8::1");
    for _ in 0..10 {
        assert_eq!(failures.check(attacker, start), Ok(()));
        failures.failed(attacker, start);
    }
    assert_eq!(failures.check(address("2001:db8::2"), start), Err(ms(6000)), "the same network");
    assert_eq!(failures.check(address("2001:db8:0:1::1"), start), Ok(()));
    for _ in 0..1000 {
        failures.failed(attacker, start);
    }
    assert_eq!(failures.check(attacker, start), Err(ms(6000)), "those that raced are not owed");
    assert_eq!(failures.check(attacker, start + ms(6000)), Ok(()));
    failures.tidy(start + ms(60_000));
    assert_eq!(failures.keyed.len(), 0);
}

#[test]
fn limits_that_cannot_be_right_are_refused_with_their_key() {
    let off = ScopeSettings::default;
    for (key, settings) in [
        ("rates.max_keys", RateSettings { max_keys: 0, ..RateSettings::default() }),
        (
            "rates.session.messages_per_second",
            RateSettings { session: scope((0, 1), Excess::Close), ..Default::default() },
        ),
        ("rates.user.messages_burst", RateSettings { user: scope((1, 0), Excess::Close), ..Default::default() }),
        (
            "rates.address.bytes_burst",
            RateSettings { address: ScopeSettings { bytes_burst: Some(1), ..off() }, ..Default::default() },
        ),
        (
            "rates.destination.messages_burst",
            RateSettings { destination: ScopeSettings { messages_burst: Some(1), ..off() }, ..Default::default() },
        ),
    ] {
        assert_eq!(settings.validate().unwrap_err().key, key);
    }
}
