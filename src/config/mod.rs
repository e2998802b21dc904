//! The binary's configuration: defaults, then a file, then the environment, then flags; each overrides those before.
//!
//! docs/operations.md lists every setting, and docs/byway.toml is the file with every default.

mod error;
mod load;
pub mod memory;
mod samples;
mod security;
mod validate;

pub use error::{ConfigError, Problem};
pub use load::{Flag, Loaded, Origin};
pub use samples::Samples;
pub use security::Security;
pub use validate::Parts;

use crate::broker::BrokerSettings;
use crate::hooks::HookSettings;
use crate::messaging::MessagingSettings;
use crate::node::{FeedSettings, LimitSettings, Settings, SockJsSettings, WebSocketSettings};
use crate::policy::{AuthSettings, OriginSettings, RateSettings, RuleSettings};
use crate::protocol::stomp::StompSettings;
use crate::server::{ApiSettings, Application, ServerSettings};
use crate::session::SessionSettings;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that the binary can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the demo page is served at `/` and `/static`, provided that a chat is at `/chat`. Default true.
    pub demo: bool,
    /// Whether `/metrics` and `/health` are served. Default true.
    pub metrics: bool,
    /// The network.
    pub server: ServerSection,
    /// Logs.
    pub log: LogSection,
    /// Who may come in.
    pub auth: AuthSettings,
    /// What they may do, in order. Default: none, which allows everything to whoever was let in.
    pub rules: Vec<RuleSettings>,
    /// How much they may send.
    pub rates: RateSettings,
    /// STOMP on all endpoints that speak it: frames, heart-beats, what one connection may have.
    pub stomp: StompSettings,
    /// Topics and queues of all these endpoints, each of which has its own.
    pub broker: BrokerSettings,
    /// Whose destinations are whose, and what becomes of refusals.
    pub messaging: MessagingSettings,
    /// Feeds of all these endpoints.
    pub feeds: FeedSettings,
    /// The HTTP API for backends.
    pub api: ApiSettings,
    /// What a backend is asked and told by all endpoints that speak STOMP.
    pub hooks: HookSettings,
    /// What is served, by name. A file that has any endpoint replaces the default ones: `chat`, `echo` and `stomp`.
    pub endpoints: BTreeMap<String, EndpointSection>,
}

/// The listener, its threads, and its limits, which are [`ServerSettings`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "ServerSettings has the docs")]
pub struct ServerSection {
    /// The address and port to listen on; port 0 takes any free one. Default 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// How many threads serve. Default 0: one for each core.
    pub workers: usize,
    /// TLS.
    pub tls: TlsSection,
    pub hosts: Vec<String>,
    pub max_connections: usize,
    pub max_connections_per_ip: usize,
    #[serde(with = "crate::model::duration")]
    pub header_timeout: Duration,
    #[serde(with = "crate::model::duration")]
    pub keep_alive_timeout: Duration,
    pub max_head_bytes: usize,
    pub max_headers: usize,
    pub max_target_bytes: usize,
    #[serde(with = "crate::model::duration")]
    pub write_timeout: Duration,
    #[serde(with = "crate::model::duration")]
    pub peer_timeout: Duration,
    #[serde(with = "crate::model::duration")]
    pub drain_timeout: Duration,
}

/// TLS: both files, or neither for plain HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSection {
    /// A PEM file: the server's certificate, then those that lead to its root. Default: none.
    pub certificate: Option<PathBuf>,
    /// A PEM file: the certificate's private key. Default: none.
    pub key: Option<PathBuf>,
}

/// Logs, which go to stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// For people, or for machines. Default: for people.
    pub format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,byway::node=debug`.
    /// Default `info`.
    pub level: String,
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text, coloured on a terminal.
    Pretty,
    /// One JSON object on each line.
    Json,
}

/// One endpoint: where it is, what runs on it, and its [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "Settings has the docs")]
pub struct EndpointSection {
    /// Its absolute path, such as `/chat`.
    pub path: String,
    /// The built-in application that runs on it.
    pub app: Application,
    /// Where its feeds are beside `/feed` below it, if it speaks STOMP: an absolute path. Default: nowhere; `/feed` of the
    /// default endpoint `stomp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed_path: Option<String>,
    #[serde(default)]
    pub session: SessionSettings,
    #[serde(default)]
    pub websocket: WebSocketSettings,
    #[serde(default)]
    pub sockjs: SockJsSettings,
    #[serde(default)]
    pub limits: LimitSettings,
    #[serde(default)]
    pub origins: OriginSettings,
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for Config {
    fn default() -> Self {
        let built_in = |app: Application| {
            let feed_path = (app == Application::Stomp).then(|| "/feed".to_owned());
            let endpoint = EndpointSection { feed_path, ..EndpointSection::new(&format!("/{app}"), app) };
            (app.name().to_owned(), endpoint)
        };
        Self {
            demo: true,
            metrics: true,
            server: ServerSection::default(),
            log: LogSection::default(),
            auth: AuthSettings::default(),
            rules: Vec::new(),
            rates: RateSettings::default(),
            stomp: StompSettings::default(),
            broker: BrokerSettings::default(),
            messaging: MessagingSettings::default(),
            feeds: FeedSettings::default(),
            api: ApiSettings::default(),
            hooks: HookSettings::default(),
            endpoints: [Application::Chat, Application::Echo, Application::Stomp].map(built_in).into(),
        }
    }
}

impl Default for ServerSection {
    fn default() -> Self {
        let settings = ServerSettings::default();
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            workers: 0,
            tls: TlsSection::default(),
            hosts: settings.hosts,
            max_connections: settings.max_connections,
            max_connections_per_ip: settings.max_connections_per_ip,
            header_timeout: settings.header_timeout,
            keep_alive_timeout: settings.keep_alive_timeout,
            max_head_bytes: settings.max_head_bytes,
            max_headers: settings.max_headers,
            max_target_bytes: settings.max_target_bytes,
            write_timeout: settings.write_timeout,
            peer_timeout: settings.peer_timeout,
            drain_timeout: settings.drain_timeout,
        }
    }
}

impl ServerSection {
    /// The limits.
    pub fn settings(&self) -> ServerSettings {
        ServerSettings {
            hosts: self.hosts.clone(),
            max_connections: self.max_connections,
            max_connections_per_ip: self.max_connections_per_ip,
            header_timeout: self.header_timeout,
            keep_alive_timeout: self.keep_alive_timeout,
            max_head_bytes: self.max_head_bytes,
            max_headers: self.max_headers,
            max_target_bytes: self.max_target_bytes,
            write_timeout: self.write_timeout,
            peer_timeout: self.peer_timeout,
            drain_timeout: self.drain_timeout,
        }
    }
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: LogFormat::Pretty, level: "info".to_owned() }
    }
}

impl EndpointSection {
    /// An endpoint with default settings.
    pub fn new(path: &str, app: Application) -> Self {
        let Settings { session, websocket, sockjs, limits, origins, trusted_proxies } = Settings::default();
        Self {
            path: path.to_owned(),
            app,
            feed_path: None,
            session,
            websocket,
            sockjs,
            limits,
            origins,
            trusted_proxies,
        }
    }

    /// The settings alone.
    pub fn settings(&self) -> Settings {
        Settings {
            session: self.session.clone(),
            websocket: self.websocket.clone(),
            sockjs: self.sockjs.clone(),
            limits: self.limits.clone(),
            origins: self.origins.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
