use super::*;
use std::net::IpAddr;
use std::num::NonZeroU32;

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
        self.go_on_as(session, user, from, bytes, Stage::START)
    }

    fn go_on_as(&self, session: &SessionRate, user: Option<&str>, from: &str, bytes: usize, stage: Stage) -> Verdict {
        let keys = RateKeys { session, user, address: Some(address(from)), sent: Sent::Message };
        self.limits.check(&keys, bytes, stage, self.now)
    }

    fn send(&self) -> Verdict {
        self.send_bytes(1)
    }

    fn send_bytes(&self, bytes: usize) -> Verdict {
        self.send_as(&self.session, None, "192.0.2.1", bytes)
    }

    /// How long the session's next message would have to wait; none where it may pass.
    fn wait(&self, bytes: usize) -> Duration {
        waiting(self.send_bytes(bytes)).0
    }

    fn hits(&self, name: &str) -> u64 {
        self.limits.hits().find(|(limit, _)| *limit == name).unwrap().1
    }
}

/// For how long a message has to wait, and where it goes on then.
fn waiting(verdict: Verdict) -> (Duration, Stage) {
    match verdict {
        Verdict::Pass => (Duration::ZERO, Stage::START),
        Verdict::Wait { time, then } => (time, then),
        Verdict::Refuse { .. } | Verdict::Close { .. } => panic!("{verdict:?}"),
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn nothing_is_limited_where_that_is_said() {
    let scene = Scene::new(RateSettings::unlimited());
    assert!((0..10_000).all(|_| scene.send_bytes(1 << 20) == Verdict::Pass));
    assert!(scene.limits.are_off());
}

#[test]
fn by_default_a_session_a_user_and_an_address_without_an_account_are_slowed_down() {
    let scene = Scene::new(RateSettings::default());
    assert!((0..200).all(|_| scene.wait(100) == ms(0)) && scene.wait(100) == ms(5));
    let other = SessionRate::default();
    assert_eq!(waiting(scene.send_as(&other, None, "192.0.2.1", 100)).0, ms(5), "all of an address are one");
    assert_eq!(scene.send_as(&other, None, "192.0.2.2", 100), Verdict::Pass);
    let sessions: Vec<_> = (0..5).map(|_| SessionRate::default()).collect();
    let send = |n: usize| {
        let keys = RateKeys { session: &sessions[n / 100], user: Some("ada"), address: None, sent: Sent::Message };
        waiting(scene.limits.check(&keys, 100, Stage::START, scene.now)).0
    };
    assert!((0..400).all(|n| send(n) == ms(0)) && send(400) > ms(0));
}

/// A thousand clients that come at once, each with something to ask.
#[test]
fn what_is_asked_of_the_server_is_no_message_of_an_address_and_takes_1_kib_of_its_bytes() {
    let scene = Scene::new(RateSettings::default());
    let ask = || {
        let keys = RateKeys {
            session: &SessionRate::default(),
            user: None,
            address: Some(address("::1")),
            sent: Sent::Request,
        };
        scene.limits.check(&keys, 0, Stage::START, scene.now)
    };
    assert!((0..2048).all(|_| ask() == Verdict::Pass));
    assert!(matches!(ask(), Verdict::Wait { .. }));
    assert_eq!((scene.hits("address_messages"), scene.hits("address_bytes")), (0, 1));
}

#[test]
fn a_burst_passes_and_then_one_message_each_interval_exactly() {
    let session = scope((10, 3), Excess::SlowDown);
    let mut scene = Scene::new(RateSettings { session, ..RateSettings::unlimited() });
    assert_eq!([1; 4].map(|bytes| scene.wait(bytes)), [ms(0), ms(0), ms(0), ms(100)]);
    scene.now += ms(100) - Duration::from_nanos(1);
    assert_eq!(scene.wait(1), Duration::from_nanos(1));
    scene.now += Duration::from_nanos(1);
    assert_eq!([scene.wait(1), scene.wait(1)], [ms(0), ms(100)]);
    scene.now += ms(60_000);
    assert_eq!((0..9).filter(|_| scene.send() == Verdict::Pass).count(), 3, "what was not used does not add up");
}

#[test]
fn bytes_are_limited_beside_messages_and_a_message_larger_than_the_burst_is_paid_for_afterwards() {
    let session = ScopeSettings { bytes_per_second: Some(1000), ..ScopeSettings::default() };
    let mut scene = Scene::new(RateSettings { session, ..RateSettings::unlimited() });
    assert_eq!(scene.send_bytes(600), Verdict::Pass);
    assert_eq!([(); 10].map(|()| scene.wait(600)), [ms(200); 10], "what has to wait was not charged for");
    assert_eq!(scene.send_bytes(400), Verdict::Pass);
    assert_eq!((scene.hits("session_messages"), scene.hits("session_bytes")), (0, 10));
    scene.now += ms(999);
    assert_eq!(scene.wait(5000), ms(1), "the bucket has to be full");
    scene.now += ms(1);
    assert_eq!(scene.send_bytes(5000), Verdict::Pass);
    scene.now += ms(1000);
    assert_eq!(scene.wait(1), ms(3001), "it is paid for");
}

#[test]
fn the_largest_numbers_of_all_limit_as_small_ones_do() {
    let session =
        ScopeSettings { bytes_per_second: Some(1), bytes_burst: Some(u32::MAX), ..scope((1, 1), Excess::Refuse) };
    let mut scene = Scene::new(RateSettings { session, ..RateSettings::unlimited() });
    assert_eq!(scene.send_bytes(usize::MAX), Verdict::Pass);
    scene.now += Duration::from_secs(u32::MAX.into()) - ms(1);
    let refused = Verdict::Refuse { limit: "session_bytes", retry_after: ms(1) };
    assert_eq!(scene.send_bytes(usize::MAX), refused);
    scene.now += ms(1000);
    assert_eq!(scene.send_bytes(usize::MAX), Verdict::Pass);
}

#[test]
fn a_message_that_waited_goes_on_behind_the_limits_that_it_has_passed() {
    let session = ScopeSettings { bytes_per_second: Some(1000), ..scope((1, 2), Excess::SlowDown) };
    let mut scene = Scene::new(RateSettings { session, ..RateSettings::unlimited() });
    assert_eq!(scene.send_bytes(1000), Verdict::Pass);
    let (time, then) = waiting(scene.send_bytes(100));
    assert_eq!(time, ms(100));
    scene.now += time;
    assert_eq!(scene.go_on_as(&scene.session, None, "192.0.2.1", 100, then), Verdict::Pass);
    assert_eq!(scene.wait(0), ms(900), "two messages were charged for, not three");
}

#[test]
fn what_would_wait_for_more_than_a_minute_in_all_is_refused() {
    let user = ScopeSettings { bytes_per_second: Some(1), bytes_burst: Some(1), ..ScopeSettings::default() };
    let mut scene = Scene::new(RateSettings { user, ..RateSettings::unlimited() });
    let send = |scene: &Scene, bytes, stage| scene.go_on_as(&scene.session, Some("ada"), "::1", bytes, stage);
    let refused = |seconds: u64| Verdict::Refuse { limit: "user_bytes", retry_after: ms(seconds * 1000) };
    assert_eq!(send(&scene, 62, Stage::START), Verdict::Pass);
    assert_eq!(send(&scene, 1, Stage::START), refused(62));
    scene.now += ms(2000);
    let (time, then) = waiting(send(&scene, 1, Stage::START));
    assert_eq!(time, ms(60_000));
    scene.now += time;
    assert_eq!(send(&scene, 1, Stage::START), Verdict::Pass, "another one was quicker");
    assert_eq!(send(&scene, 1, then), refused(1), "the minute is over");
}

#[test]
fn what_is_over_a_limit_waits_or_is_refused_or_ends_the_session() {
    let after_one = |excess| {
        let scene = Scene::new(RateSettings { session: scope((2, 1), excess), ..RateSettings::unlimited() });
        assert_eq!(scene.send(), Verdict::Pass);
        scene.send()
    };
    assert_eq!(waiting(after_one(Excess::SlowDown)).0, ms(500));
    let refused = Verdict::Refuse { limit: "session_messages", retry_after: ms(500) };
    assert_eq!(after_one(Excess::Refuse), refused);
    assert_eq!(after_one(Excess::Close), Verdict::Close { limit: "session_messages" });
}

#[test]
fn a_dry_run_counts_and_lets_everything_pass() {
    let settings = RateSettings { dry_run: true, session: scope((1, 1), Excess::Close), ..RateSettings::unlimited() };
    let scene = Scene::new(settings);
    assert!((0..5).all(|_| scene.send() == Verdict::Pass));
    assert_eq!(scene.hits("session_messages"), 4);
}

#[test]
fn a_session_that_waits_for_its_user_s_limit_is_not_charged_again_and_again() {
    let settings = RateSettings {
        session: scope((1, 2), Excess::Close),
        user: scope((1, 1), Excess::SlowDown),
        ..RateSettings::unlimited()
    };
    let mut scene = Scene::new(settings);
    let (one, other) = (SessionRate::default(), SessionRate::default());
    assert_eq!(scene.send_as(&one, Some("ada"), "192.0.2.1", 1), Verdict::Pass);
    let mut stage = Stage::START;
    for _ in 0..10 {
        let (time, then) = waiting(scene.go_on_as(&other, Some("ada"), "192.0.2.1", 1, stage));
        assert_eq!(time, ms(1000));
        stage = then;
    }
    scene.now += ms(1000);
    assert_eq!(scene.go_on_as(&other, Some("ada"), "192.0.2.1", 1, stage), Verdict::Pass);
}

#[test]
fn a_refused_attempt_is_charged_to_the_narrower_limits_and_to_no_wider_one() {
    let settings = RateSettings {
        session: scope((1, 3), Excess::Refuse),
        user: scope((1, 2), Excess::Refuse),
        address: scope((1, 3), Excess::Refuse),
        ..RateSettings::unlimited()
    };
    let scene = Scene::new(settings);
    let send = |session, user| scene.send_as(session, Some(user), "192.0.2.1", 1);
    let refused = |limit| Verdict::Refuse { limit, retry_after: ms(1000) };
    let session = SessionRate::default();
    assert_eq!([(); 2].map(|()| send(&session, "ada")), [Verdict::Pass; 2]);
    assert_eq!(send(&session, "ada"), refused("user_messages"));
    assert_eq!(send(&session, "ada"), refused("session_messages"), "attempts cost");
    assert_eq!(send(&SessionRate::default(), "bob"), Verdict::Pass, "the address had one left");
}

#[test]
fn r4_a_new_session_does_not_get_a_user_around_the_user_s_limit() {
    let scene = Scene::new(RateSettings { user: scope((1, 5), Excess::Refuse), ..RateSettings::unlimited() });
    let send = |user: &str, from: &str| scene.send_as(&SessionRate::default(), Some(user), from, 1) == Verdict::Pass;
    let passed = (0..20).filter(|n| send("ada", &format!("192.0.2.{n}"))).count();
    assert_eq!(passed, 5);
    assert!(send("bob", "192.0.2.1"));
    assert_eq!(scene.hits("user_messages"), 15);
}

#[test]
fn r2_all_of_a_64_bit_network_are_one_and_so_are_both_spellings_of_an_ipv4_address() {
    let scene = Scene::new(RateSettings { address: scope((1, 2), Excess::Refuse), ..RateSettings::unlimited() });
    let send = |from: &str| scene.send_as(&SessionRate::default(), None, from, 1) == Verdict::Pass;
    assert!(send("2001:db8::1") && send("2001:db8::ffff:ffff:ffff:ffff") && !send("2001:db8::2"));
    assert!(send("2001:db8:0:1::1"));
    assert!(send("192.0.2.1") && send("::ffff:192.0.2.1") && !send("192.0.2.1"));
}

#[test]
fn all_that_is_sent_to_one_destination_is_counted_together() {
    let scene = Scene::new(RateSettings { destination: scope((1, 2), Excess::Refuse), ..RateSettings::unlimited() });
    let send = |to: &str| {
        let (session, destination) = (SessionRate::default(), Destination::parse(to.to_owned()).unwrap());
        let keys =
            RateKeys { session: &session, user: None, address: Some(address("::1")), sent: Sent::To(&destination) };
        scene.limits.check(&keys, 1, Stage::START, scene.now) == Verdict::Pass
    };
    assert!(send("/topic/a") && send("/topic/a") && !send("/topic/a") && send("/topic/b"));
}

#[test]
fn r3_a_million_keys_stay_within_64_mb_share_a_bucket_beyond_the_limit_and_are_forgotten() {
    let keyed = Keyed::new(1_000_000);
    let rate = ScopeSettings { messages_per_second: Some(1), ..ScopeSettings::default() }.messages().unwrap();
    let take = |buckets: &Buckets| rate.take(&buckets.messages, 0, NonZeroU32::MIN).is_ok();
    let passed = (0..1_100_000_u32).filter(|key| keyed.with(key, take)).count();
    assert!(keyed.len() <= 1_000_000, "{}", keyed.len());
    assert!(keyed.bytes() <= 64 << 20, "{}", keyed.bytes());
    assert_eq!(passed, keyed.len() + 1, "those that came too late share a bucket");
    assert!(!keyed.peek("a newcomer", |buckets| buckets.are_full(0)), "and so does whoever comes now");
    keyed.tidy(999_999_999);
    assert!(keyed.len() > 900_000, "they are not full again yet");
    keyed.tidy(1_000_000_000);
    assert_eq!((keyed.len(), keyed.bytes()), (0, 0));
}

#[test]
fn whoever_comes_too_late_is_limited_together_with_the_others() {
    let settings = RateSettings { max_keys: 1, user: scope((1, 3), Excess::Refuse), ..RateSettings::unlimited() };
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
fn a_session_s_own_limits_take_16_bytes() {
    assert_eq!(size_of::<SessionRate>(), 16);
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
    failures.turned_away();
    assert_eq!((failures.failures(), failures.hits()), (1010, 1));
    failures.tidy(start + ms(60_000));
    assert_eq!(failures.keyed.len(), 0);
}

#[test]
fn limits_that_cannot_be_right_are_refused_with_their_key() {
    let off = ScopeSettings::default;
    for (key, settings) in [
        ("rates.max_keys", RateSettings { max_keys: 0, ..RateSettings::unlimited() }),
        (
            "rates.session.messages_per_second",
            RateSettings { session: scope((0, 1), Excess::Close), ..RateSettings::unlimited() },
        ),
        ("rates.user.messages_burst", RateSettings { user: scope((1, 0), Excess::Close), ..RateSettings::unlimited() }),
        (
            "rates.address.bytes_burst",
            RateSettings { address: ScopeSettings { bytes_burst: Some(1), ..off() }, ..RateSettings::unlimited() },
        ),
        (
            "rates.destination.messages_burst",
            RateSettings {
                destination: ScopeSettings { messages_burst: Some(1), ..off() },
                ..RateSettings::unlimited()
            },
        ),
    ] {
        assert_eq!(settings.validate().unwrap_err().key, key);
    }
}
