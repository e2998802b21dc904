//! What the broker can be told, as an operator writes it.

use crate::{destination, pattern};
use byway::Publication;
use byway::broker::{BrokerSettings, Kind, OnFull, PatternError, PresenceSettings, SlowConsumerPolicy};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use std::time::Duration;

fn read(toml: &str) -> BrokerSettings {
    Figment::from(Toml::string(toml)).extract().unwrap()
}

/// The key and the problem that stop these settings.
fn problem(toml: &str) -> String {
    read(toml).validate().unwrap_err().to_string()
}

#[test]
fn the_defaults_are_valid_and_survive_being_written_and_read() {
    let settings = BrokerSettings::default();
    settings.validate().unwrap();
    assert_eq!(read(""), settings);
    let written: BrokerSettings = Figment::from(Serialized::defaults(&settings)).extract().unwrap();
    assert_eq!(written, settings);
}

#[test]
fn presence_is_that_of_the_first_pattern_and_says_what_is_wrong() {
    let settings = read(
        r#"presence = [{ pattern = "/topic/rooms/big", grace = "1m" }, { pattern = "/topic/rooms/*", claims = ["name"] }]"#,
    );
    settings.validate().unwrap();
    let of = |text| settings.presence(&destination(text));
    assert_eq!(of("/topic/rooms/big").unwrap().grace, Duration::from_secs(60));
    let other = of("/topic/rooms/1").unwrap();
    assert_eq!(
        (other.grace, other.max_members, &other.claims[..]),
        (Duration::from_secs(5), 1000, &["name".into()][..])
    );
    assert_eq!(of("/topic/rooms"), None);
    for (entry, wrong) in [
        ("max_members = 0", "max_members of \"/topic/**\": 0 would let nothing through"),
        ("max_bytes = 1023", "max_bytes of \"/topic/**\": expected at least 1024"),
        ("grace = \"31d\"", "grace of \"/topic/**\": expected at most 30 days"),
    ] {
        let problem = problem(&format!("presence = [{{ pattern = \"/topic/**\", {entry} }}]"));
        assert!(problem.contains(wrong), "{problem}");
    }
    let never = problem(r#"presence = [{ pattern = "/topic/**" }, { pattern = "/topic/a" }]"#);
    assert!(never.contains("\"/topic/a\" is never reached"), "{never}");
}

#[test]
fn topics_and_queues_are_told_apart_by_prefix() {
    let settings = BrokerSettings::default();
    assert_eq!(settings.kind_of(&destination("/topic/a/b")), Some(Kind::Topic));
    assert_eq!(settings.kind_of(&destination("/queue/a")), Some(Kind::Queue));
    for nowhere in ["/topic", "/topics/a", "/a", "/app/topic/a"] {
        assert_eq!(settings.kind_of(&destination(nowhere)), None, "{nowhere}");
    }
}

#[test]
fn the_first_prefix_that_fits_decides() {
    let settings = read(
        r#"kinds = [{ prefix = "/topic/work", kind = "queue" }, { prefix = "/topic", kind = "topic" },
                    { prefix = "/queue", kind = "topic" }]"#,
    );
    settings.validate().unwrap();
    assert_eq!(settings.kind_of(&destination("/topic/work/a")), Some(Kind::Queue));
    assert_eq!(settings.kind_of(&destination("/topic/a")), Some(Kind::Topic));
    assert_eq!(settings.kind_of(&destination("/queue/a")), Some(Kind::Topic));
    assert_eq!(settings.kind_of_pattern(&pattern("/topic/work/**")), Err(PatternError::QueueWildcard));
    assert_eq!(settings.kind_of_pattern(&pattern("/topic/**")), Ok(Kind::Topic));
}

#[test]
fn a_pattern_stays_below_one_prefix_and_queues_take_none() {
    let settings = BrokerSettings::default();
    for topic in ["/topic/a", "/topic/*", "/topic/**", "/topic/*/b"] {
        assert_eq!(settings.kind_of_pattern(&pattern(topic)), Ok(Kind::Topic), "{topic}");
    }
    assert_eq!(settings.kind_of_pattern(&pattern("/queue/a")), Ok(Kind::Queue));
    for queues in ["/queue/*", "/queue/**", "/queue/a/*"] {
        assert_eq!(settings.kind_of_pattern(&pattern(queues)), Err(PatternError::QueueWildcard), "{queues}");
    }
    for nowhere in ["/**", "/*/a", "/topic", "/other/a", "/topics/*"] {
        assert_eq!(settings.kind_of_pattern(&pattern(nowhere)), Err(PatternError::Nowhere), "{nowhere}");
    }
}

#[test]
fn a_queue_has_the_settings_of_the_first_pattern_that_matches() {
    let settings = read(
        r#"
        queue = { max_messages = 7 }
        [[queues]]
        pattern = "/queue/orders/*"
        settings = { max_messages = 8, on_full = "drop_oldest", max_age = "1h", redelivery_delay = "0s" }
        "#,
    );
    settings.validate().unwrap();
    let orders = settings.queue(&destination("/queue/orders/a"));
    assert_eq!((orders.max_messages, orders.on_full), (8, OnFull::DropOldest));
    assert_eq!((orders.max_age, orders.redelivery_delay), (Some(Duration::from_secs(3600)), Duration::ZERO));
    assert_eq!(settings.queue(&destination("/queue/other")).max_messages, 7);
}

#[test]
fn a_consumer_gets_the_prefetch_that_it_asks_for_within_the_limit() {
    let queue = BrokerSettings::default().queue;
    assert_eq!(
        [None, Some(0), Some(1), Some(1_000), Some(1_001)].map(|asked| queue.prefetch(asked)),
        [100, 1, 1, 1_000, 1_000]
    );
}

#[test]
fn dead_letters_go_to_their_queue_and_nowhere_from_there() {
    let settings = read(
        r#"
        [[queues]]
        pattern = "/queue/a"
        settings = { dead_letter = "/queue/b" }
        [[queues]]
        pattern = "/queue/b"
        settings = { dead_letter = "/queue/a" }
        [[queues]]
        pattern = "/queue/careless"
        settings = { dead_letter = "" }
        "#,
    );
    settings.validate().unwrap();
    let target = |text| settings.dead_letter(&destination(text)).map(ToString::to_string);
    assert_eq!(target("/queue/other"), Some("/queue/dead-letter".to_owned()));
    for last in ["/queue/dead-letter", "/queue/a", "/queue/b", "/queue/careless"] {
        assert_eq!(target(last), None, "{last}");
    }
}

#[test]
fn a_slow_consumer_is_treated_as_the_first_pattern_that_matches_says() {
    let settings = read(
        r#"
        slow_consumers = [
            { pattern = "/topic/stocks/**", policy = "keep_newest", key = "symbol" },
            { pattern = "/topic/**", policy = "drop_oldest" },
        ]
        "#,
    );
    settings.validate().unwrap();
    let policy = |text| settings.slow_consumer_policy(&destination(text)).map(|entry| entry.policy);
    assert_eq!(policy("/topic/stocks/nasdaq"), Some(SlowConsumerPolicy::KeepNewest));
    assert_eq!(policy("/topic/chat"), Some(SlowConsumerPolicy::DropOldest));
    assert_eq!(policy("/other/chat"), None);
}

#[test]
fn publications_replace_each_other_at_one_destination_and_by_one_value() {
    let toml = r#"slow_consumers = [{ pattern = "/topic/**", policy = "keep_newest", key = "symbol" }]"#;
    let settings = read(toml);
    let entry = &settings.slow_consumers[0];
    let at = |text: &str| Publication::new(destination(text), "");
    let same = |one: &Publication, other: &Publication| entry.conflation_key(one) == entry.conflation_key(other);
    let apple = at("/topic/a").with_header("symbol", "AAPL");
    assert!(same(&apple, &at("/topic/a").with_header("symbol", "AAPL").with_header("price", "2")));
    assert!(!same(&apple, &at("/topic/a").with_header("symbol", "MSFT")));
    assert!(!same(&apple, &at("/topic/b").with_header("symbol", "AAPL")));
    assert!(!same(&apple, &at("/topic/a")));
    assert!(same(&at("/topic/a"), &at("/topic/a")));
}

#[test]
fn a_history_has_defaults_for_all_but_its_pattern() {
    let settings = read(r#"history = [{ pattern = "/topic/chat/*", messages = 10 }]"#);
    settings.validate().unwrap();
    let history = settings.history(&destination("/topic/chat/a")).unwrap();
    assert_eq!((history.messages, history.bytes, history.max_age), (10, 1 << 20, Duration::from_secs(300)));
    assert_eq!(settings.history(&destination("/topic/news")), None);
}

#[test]
fn what_cannot_be_right_is_refused_by_its_key() {
    for (toml, expected) in [
        ("max_queues = 0", "broker.max_queues: 0 would let nothing through"),
        ("shares = { address = 0 }", "broker.shares.address: expected 1 to 100, in percent"),
        ("shares = { user = 101 }", "broker.shares.user: expected 1 to 100, in percent"),
        ("shares = { address = 60 }", "broker.shares.address: expected at most shares.anonymous"),
        ("queue = { unused_time = \"31days\" }", "broker.queue.unused_time: expected at most 30 days, or 0s for ever"),
        (
            "queue = { unused_time_anonymous = \"31days\" }",
            "broker.queue.unused_time_anonymous: expected at most 30 days, or 0s for ever",
        ),
        ("queue = { max_bytes = 0 }", "broker.queue.max_bytes: 0 would let nothing through"),
        ("queue = { prefetch = 2000 }", "broker.queue.prefetch: expected at most max_prefetch"),
        ("queue = { max_age = \"0s\" }", "broker.queue.max_age: expected more than 0s"),
        ("queue = { redelivery_delay = \"31days\" }", "broker.queue.redelivery_delay: expected at most 30 days"),
        ("queue = { dead_letter = \"/dead\" }", "broker.queue.dead_letter: \"/dead\" is below none"),
        (
            "queues = [{ pattern = \"/queue/a\", settings = { max_deliveries = 0 } }]",
            "broker.queues: max_deliveries of \"/queue/a\": 0 would",
        ),
        ("history = [{ pattern = \"/topic/a\", messages = 0 }]", "broker.history: messages of \"/topic/a\": 0 would"),
        (
            "slow_consumers = [{ pattern = \"/topic/a\", policy = \"close\", key = \"k\" }]",
            "broker.slow_consumers: key of \"/topic/a\": expected only beside",
        ),
        (
            "history = [{ pattern = \"/topic/**\" }, { pattern = \"/topic/a\" }]",
            "broker.history: \"/topic/a\" is never reached behind \"/topic/**\"",
        ),
        (
            "kinds = [{ prefix = \"/a\", kind = \"topic\" }, { prefix = \"/a/b\", kind = \"queue\" }]",
            "broker.kinds: \"/a/b\" is never reached behind \"/a\"",
        ),
    ] {
        let problem = problem(toml);
        assert!(problem.starts_with(expected), "{toml}: {problem}");
    }
}

#[test]
fn a_misspelt_setting_is_not_ignored() {
    for toml in [
        "max_queue = 1",
        "queue = { max_message = 1 }",
        "history = [{ pattern = \"/topic/a\", message = 1 }]",
        "history = [{ messages = 1 }]",
        "slow_consumers = [{ pattern = \"/topic/a\", policy = \"hope\" }]",
        "kinds = [{ prefix = \"topic\", kind = \"topic\" }]",
        "queue = { max_age = 5 }",
    ] {
        assert!(Figment::from(Toml::string(toml)).extract::<BrokerSettings>().is_err(), "{toml}");
    }
}

const MANUAL: &str = include_str!("../../docs/broker.md");

/// The settings with their defaults, as the manual writes them.
fn defaults(settings: impl serde::Serialize, prefix: &str) -> Vec<(String, String)> {
    let serde_json::Value::Object(entries) = serde_json::to_value(settings).unwrap() else { unreachable!() };
    let scalar = |value: &serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let plain = entries.iter().filter(|(_, value)| value.is_string() || value.is_number());
    plain.map(|(key, value)| (format!("{prefix}{key}"), scalar(value))).collect()
}

#[test]
fn the_manual_has_every_limit_with_its_default() {
    let settings = BrokerSettings::default();
    let mut expected = defaults(&settings.queue, "");
    expected.extend(defaults(&settings.directory, "directory."));
    expected.extend(defaults(&settings.shares, "shares."));
    expected.extend(defaults(&settings, ""));
    expected.push(("max_age".to_owned(), settings.queue.max_age.map_or("none", |_| "some").to_owned()));
    assert_eq!(expected.len(), 12 + 2 + 3 + 6);
    for (key, default) in expected {
        assert!(MANUAL.contains(&format!("\n| `{key}` | `{default}` | ")), "{key} = {default}");
    }
}

#[test]
fn the_manual_of_presence_has_every_limit_with_its_default() {
    let manual = include_str!("../../docs/presence.md");
    let entry = defaults(PresenceSettings::new(pattern("/topic/*")), "");
    let entry = entry
        .into_iter()
        .filter(|(key, _)| key != "pattern")
        .map(|(key, default)| (format!("{key}`, of an entry"), default));
    let all = defaults(BrokerSettings::default(), "broker.").into_iter().filter(|(key, _)| key.contains("max_pres"));
    let expected: Vec<_> = entry.chain(all.map(|(key, default)| (format!("{key}`"), default))).collect();
    assert_eq!(expected.len(), 3 + 2);
    for (key, default) in expected {
        assert!(manual.contains(&format!("\n| `{key} | `{default}` | ")), "{key} = {default}");
    }
}
