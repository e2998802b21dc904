//! The limits in force, and what counts those who hit them: one table.

use super::{Mounted, ServerSettings};
use crate::broker::BrokerSettings;
use crate::hooks::HookSettings;
use crate::messaging::MessagingSettings;
use crate::node::FeedSettings;
use crate::policy::{AuthSettings, RateSettings};
use crate::protocol::stomp::StompSettings;
use serde_json::{Value, json};

/// The settings with limits in them that all endpoints share, as the admin page shows them. Endpoints have their own beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonSettings {
    /// The listener's.
    pub server: ServerSettings,
    /// STOMP's.
    pub stomp: StompSettings,
    /// Topics' and queues'.
    pub broker: BrokerSettings,
    /// Users'.
    pub messaging: MessagingSettings,
    /// What clients may send.
    pub rates: RateSettings,
    /// Feeds'.
    pub feeds: FeedSettings,
    /// The backend's.
    pub hooks: HookSettings,
    /// How many clients of one address may fail to show who they are, at once and in a minute.
    pub failures_per_minute: u32,
}

impl Default for CommonSettings {
    fn default() -> Self {
        Self {
            server: ServerSettings::default(),
            stomp: StompSettings::default(),
            broker: BrokerSettings::default(),
            messaging: MessagingSettings::default(),
            rates: RateSettings::default(),
            feeds: FeedSettings::default(),
            hooks: HookSettings::default(),
            failures_per_minute: AuthSettings::default().failures_per_minute,
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct LimitKind {
    /// What is limited.
    pub(super) name: &'static str,
    keys: &'static [&'static str],
    /// What counts those who hit it: a map of [`Stats`](crate::Stats), and the key there; or `connections.refused`.
    pub(super) hits: &'static [&'static str],
}

/// A row with what was set. `None` is no limit.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) kind: &'static LimitKind,
    pub(super) settings: Vec<(&'static str, Option<String>)>,
}

const fn row(name: &'static str, keys: &'static [&'static str], hits: &'static [&'static str]) -> LimitKind {
    LimitKind { name, keys, hits }
}

const OF_SERVER: &[LimitKind] = &[
    row("Connections", &["server.max_connections", "server.max_connections_per_ip"], &["connections.refused"]),
    row(
        "Heads of requests",
        &["server.max_head_bytes", "server.max_headers", "server.max_target_bytes", "server.header_timeout"],
        &[],
    ),
    row("Idle connections", &["server.keep_alive_timeout"], &[]),
    row("Answers that nobody takes", &["server.write_timeout"], &[]),
    row("Peers that vanish", &["server.peer_timeout"], &[]),
];

const OF_ALL: &[LimitKind] = &[
    row("Sessions", &["limits.max_sessions"], &["refused.sessions_full"]),
    row(
        "What one address has without an account",
        &["limits.max_sessions_per_address", "limits.max_unconnected_per_address", "limits.max_held_bytes_per_address"],
        &["refused.address_full", "ended.address_full"],
    ),
    row(
        "Size of a message",
        &["limits.max_message_bytes", "websocket.max_fragments", "session.message_timeout"],
        &["ended.message_too_big", "ended.flood"],
    ),
    row(
        "Bodies of requests",
        &["limits.max_body_bytes", "limits.body_timeout"],
        &["refused.body_too_big", "refused.body_slow"],
    ),
    row(
        "What waits for a client",
        &[
            "session.queue_messages",
            "session.queue_bytes",
            "session.slow_time",
            "session.send_timeout",
            "limits.burst_bytes",
        ],
        &["ended.slow_consumer"],
    ),
    row("Signs of life", &["session.heartbeat", "session.heartbeat_answer"], &["ended.no_heartbeat"]),
    row("Time without a connection", &["session.disconnect_delay"], &["ended.absent"]),
    row(
        "Publishing to many",
        &["limits.publish_messages", "limits.publish_bytes", "limits.publish_wait"],
        &["ended.overloaded"],
    ),
    row(
        "What a session sends",
        &["rates.session.messages_per_second", "rates.session.bytes_per_second"],
        &["limit_hits.session_messages", "limit_hits.session_bytes"],
    ),
    row(
        "What a user sends",
        &["rates.user.messages_per_second", "rates.user.bytes_per_second"],
        &["limit_hits.user_messages", "limit_hits.user_bytes"],
    ),
    row(
        "What an address sends",
        &["rates.address.messages_per_second", "rates.address.bytes_per_second"],
        &["limit_hits.address_messages", "limit_hits.address_bytes"],
    ),
    row("Pages of other origins", &["origins.allowed"], &["refused.origin"]),
];

const OF_STOMP: &[LimitKind] = &[
    row(
        "Clients who fail to show who they are",
        &["auth.failures_per_minute"],
        &["limit_hits.connect_failures", "ended.too_many_failures"],
    ),
    row("Time to CONNECT", &["stomp.connect_timeout"], &["ended.connect_timeout"]),
    row(
        "STOMP frames",
        &["stomp.max_head_bytes", "stomp.max_headers", "stomp.max_body_bytes", "stomp.frame_timeout"],
        &["ended.stomp_protocol_error"],
    ),
    row(
        "Subscriptions and transactions",
        &["stomp.max_subscriptions", "stomp.max_transactions", "stomp.max_transaction_bytes"],
        &["ended.stomp_limit"],
    ),
    row(
        "Queues",
        &["broker.max_queues", "broker.max_queue_bytes", "broker.queue.max_messages", "broker.queue.max_bytes"],
        &[],
    ),
    row(
        "What one client may hold of all that, in percent",
        &["broker.shares.address", "broker.shares.user", "broker.shares.anonymous"],
        &["limit_hits.broker_share"],
    ),
    row("Queues that nobody consumes", &["broker.queue.unused_time", "broker.queue.unused_time_anonymous"], &[]),
    row("Histories", &["broker.max_histories", "broker.max_history_bytes"], &[]),
    row(
        "Destinations that somebody listens to",
        &["broker.directory.max_patterns", "broker.directory.max_wildcard_segments"],
        &[],
    ),
    row("Who is on a topic", &["broker.max_presences"], &["limit_hits.presence"]),
    row("Sessions of one user", &["messaging.max_sessions_per_user"], &[]),
    row("Feeds", &["feeds.max_destinations", "feeds.max_wait"], &["refused.feed_rate", "refused.feed_overloaded"]),
    row(
        "What is sent to a destination",
        &["rates.destination.messages_per_second", "rates.destination.bytes_per_second"],
        &["limit_hits.destination_messages", "limit_hits.destination_bytes"],
    ),
];

/// How often they are hit stands in the numbers of hooks, which the page does not have.
const OF_HOOKS: &[LimitKind] = &[
    row("Questions to the backend", &["hooks.concurrency", "hooks.max_waiting", "hooks.timeout"], &[]),
    row("Answers of the backend", &["hooks.max_answer_bytes"], &[]),
    row("Events that wait for the backend", &["hooks.delivery.max_events", "hooks.delivery.max_bytes"], &[]),
];

impl CommonSettings {
    /// The limits on connections and requests.
    pub(super) fn of_server(&self) -> Vec<Limit> {
        filled(OF_SERVER.iter(), &json!({ "server": self.server }))
    }

    /// The limits on an endpoint.
    pub(super) fn of_endpoint(&self, endpoint: &Mounted) -> Vec<Limit> {
        let own = endpoint.byway.settings();
        let settings = json!({
            "limits": own.limits,
            "session": own.session,
            "websocket": own.websocket,
            "origins": own.origins,
            "auth": { "failures_per_minute": self.failures_per_minute },
            "stomp": self.stomp,
            "broker": self.broker,
            "messaging": self.messaging,
            "feeds": self.feeds,
            "hooks": self.hooks,
            "rates": self.rates,
        });
        let speaks_stomp = endpoint.application.asks_policies();
        let of_stomp = if speaks_stomp { OF_STOMP } else { &[] };
        let of_hooks = if speaks_stomp && self.hooks.is_configured() { OF_HOOKS } else { &[] };
        filled(OF_ALL.iter().chain(of_stomp).chain(of_hooks), &settings)
    }
}

fn filled(kinds: impl Iterator<Item = &'static LimitKind>, settings: &Value) -> Vec<Limit> {
    let setting = |key: &'static str| (key, find(settings, key).and_then(written));
    kinds.map(|kind| Limit { kind, settings: kind.keys.iter().copied().map(setting).collect() }).collect()
}

fn find<'a>(settings: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(settings, |value, part| value.get(part))
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => Some(values.iter().filter_map(written).collect::<Vec<_>>().join(", ")),
        value => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Disconnect;
    use crate::node::{Settings, Stomp};
    use crate::policy::RateLimits;
    use crate::server::Application;

    fn mounted() -> Mounted {
        let application = Application::Stomp;
        let (byway, messenger) = application.byway(Settings::default(), Stomp::new).unwrap();
        let (name, path) = ("main".to_owned(), "/e".to_owned());
        Mounted { name, path, feed_path: None, application, byway, messenger }
    }

    #[test]
    fn every_row_names_settings_that_there_are() {
        let hooks = HookSettings { url: Some("https://backend.test/".to_owned()), ..HookSettings::default() };
        let common = CommonSettings { hooks, ..CommonSettings::default() };
        let limits: Vec<_> = common.of_server().into_iter().chain(common.of_endpoint(&mounted())).collect();
        assert_eq!(limits.len(), OF_SERVER.len() + OF_ALL.len() + OF_STOMP.len() + OF_HOOKS.len());
        for (key, value) in limits.iter().flat_map(|limit| &limit.settings) {
            assert!(value.is_some(), "{key}");
        }
    }

    #[test]
    fn without_hooks_there_are_none_of_their_limits() {
        let limits = CommonSettings::default().of_endpoint(&mounted());
        assert_eq!(limits.len(), OF_ALL.len() + OF_STOMP.len());
    }

    #[test]
    fn every_row_names_counters_that_there_are() {
        let rates = RateLimits::new(&RateSettings::default(), crate::node::now());
        let rates: Vec<_> =
            rates.hits().map(|(name, _)| name).chain(["connect_failures", "presence", "broker_share"]).collect();
        for hit in OF_SERVER.iter().chain(OF_ALL).chain(OF_STOMP).chain(OF_HOOKS).flat_map(|kind| kind.hits) {
            let (map, key) = hit.split_once('.').unwrap();
            let known = match map {
                "ended" => Disconnect::LABELS.contains(&key),
                "limit_hits" => rates.contains(&key),
                // Reasons are given where requests are refused.
                map => map == "refused" || *hit == "connections.refused",
            };
            assert!(known, "{hit}");
        }
    }

    #[test]
    fn what_is_set_is_shown_as_it_would_be_written() {
        assert_eq!(written(&json!("10s")), Some("10s".to_owned()));
        assert_eq!(written(&json!(["https://a", "https://b"])), Some("https://a, https://b".to_owned()));
        assert_eq!((written(&json!(10)), written(&Value::Null)), (Some("10".to_owned()), None));
    }
}
