//! From settings to parts that cannot be wrong.

use super::{Config, EndpointSection, LogSection, Problem, Security, ServerSection, TlsSection};
use crate::node::Stomp;
use crate::policy::{AnonymousPolicy, OwnHosts, RateSettings, TrustedProxies};
use crate::server::{Admin, Application, CommonSettings, Mounted, Server, ServerSettings, Site, tls_config};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls;
use tracing_subscriber::EnvFilter;

/// A checked configuration: what to start.
#[derive(Debug)]
pub struct Parts {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How many threads serve; at least one.
    pub workers: usize,
    /// What clients can make the server take, in bytes ([`Config::may_need`]).
    pub may_need: u64,
    /// The server's limits.
    pub server: ServerSettings,
    /// TLS, if it is spoken.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The proxies of all endpoints together.
    pub trusted_proxies: TrustedProxies,
    /// What is logged, and how.
    pub log: LogSection,
    /// Who may come in, what they may do, and how much of it.
    pub security: Security,
    /// What is served.
    pub site: Site,
}

impl Parts {
    /// The names of the endpoints that let everybody in.
    pub fn open_endpoints(&self) -> impl Iterator<Item = &str> {
        let lets_anybody_in = self.security.anonymous == AnonymousPolicy::Allow;
        let is_open = move |endpoint: &&Mounted| lets_anybody_in || !endpoint.application.asks_policies();
        self.site.endpoints.iter().filter(is_open).map(|endpoint| endpoint.name.as_str())
    }

    /// The server for [`Site::routes`], which tells the sessions of all endpoints that it stops.
    pub fn server(&self) -> Server {
        let endpoints = self.site.endpoints.iter();
        let server = endpoints.fold(self.bare_server(), |server, endpoint| server.drain(endpoint.byway.clone()));
        let server = self.site.hooks.iter().fold(server, |server, hooks| server.hooks(Arc::clone(hooks)));
        if self.site.has_api_here() { self.with_admin(server) } else { server }
    }

    /// The server for [`Site::api_routes`], where the API has an address of its own: with the same TLS and limits.
    pub fn api_server(&self) -> Server {
        self.with_admin(self.bare_server())
    }

    /// A server without sessions to drain.
    fn bare_server(&self) -> Server {
        let server = Server::new(self.server.clone()).trusted_proxies(self.trusted_proxies.clone());
        self.tls.iter().fold(server, |server, tls| server.tls(Arc::clone(tls)))
    }

    /// Those who look at the admin page are told that the server stops.
    fn with_admin(&self, server: Server) -> Server {
        self.site.admin.iter().fold(server, |server, admin| server.drain(admin.endpoint().clone()))
    }
}

impl Config {
    /// Refuses what cannot be right, and builds what is.
    pub(super) fn validate(&self) -> Result<Parts, Vec<Problem>> {
        let mut problems = self.server.problems();
        problems.extend(self.log.problem());
        problems.extend(self.path_problems());
        problems.extend(self.api.validate().err().map(Problem::from));
        let tls = keep(&mut problems, self.server.tls.load()).flatten();
        let security = keep(&mut problems, self.security());
        let Some(security) = security else { return Err(problems) };
        let mounted = self
            .endpoints
            .iter()
            .map(|(name, endpoint)| endpoint.mount(name, &self.rates, || self.stomp(name, &security)));
        let endpoints: Vec<_> = mounted.filter_map(|endpoint| keep(&mut problems, endpoint)).collect();
        let admin = keep(&mut problems, Admin::new(&self.api, &endpoints).map_err(Problem::from)).flatten();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Parts {
            listen: self.server.listen,
            workers: self.server.threads(),
            may_need: self.may_need(),
            server: self.server.settings(),
            tls,
            trusted_proxies: self.trusted_proxies(),
            log: self.log.clone(),
            site: Site {
                demo: self.demo && self.has_chat(),
                metrics: self.metrics,
                endpoints,
                api: self.api.clone(),
                admin,
                common: self.common(),
                api_counts: Arc::default(),
                hooks: security.hooks.clone(),
                log_lines_lost: Arc::default(),
            },
            security,
        })
    }

    fn common(&self) -> CommonSettings {
        CommonSettings {
            server: self.server.settings(),
            stomp: self.stomp.clone(),
            broker: self.broker.clone(),
            messaging: self.messaging.clone(),
            rates: self.rates.clone(),
            feeds: self.feeds.clone(),
            hooks: self.hooks.clone(),
            failures_per_minute: self.auth.failures_per_minute,
        }
    }

    /// The demo page speaks to `/chat`.
    fn has_chat(&self) -> bool {
        self.endpoints.values().any(|endpoint| endpoint.path == "/chat" && endpoint.app == Application::Chat)
    }

    /// Peers that speak for many clients are exempt from the limit on one address's connections.
    fn trusted_proxies(&self) -> TrustedProxies {
        TrustedProxies::new(self.endpoints.values().flat_map(|endpoint| endpoint.trusted_proxies.clone()).collect())
    }

    fn path_problems(&self) -> Vec<Problem> {
        let paths: Vec<_> = self.endpoints.iter().flat_map(|(name, endpoint)| endpoint.paths(name)).collect();
        let mut problems = Vec::new();
        for (at, (key, path)) in paths.iter().enumerate() {
            let clash = |other: &str| overlap(path, other);
            let problem = if !is_plain_path(path) {
                "expected an absolute path of letters, digits and -._~, such as \"/chat\"".to_owned()
            } else if let Some((other, taken)) = paths[..at].iter().find(|(_, other)| clash(other)) {
                format!("overlaps with {other} = \"{taken}\"")
            } else if let Some(taken) = Site::RESERVED.iter().find(|taken| clash(taken)) {
                format!("overlaps with {taken}, which the server has for itself")
            } else {
                continue;
            };
            problems.push(Problem::new(key, problem));
        }
        problems
    }
}

/// A step's result, or nothing and one more problem.
fn keep<T>(problems: &mut Vec<Problem>, result: Result<T, Problem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

/// Whether one path is the other, or lies below it.
fn overlap(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| matches!(rest.bytes().next(), None | Some(b'/')))
    };
    within(a, b) || within(b, a)
}

/// `/a/b`: no slash at the end, and nothing that a router, a browser or a proxy would read as something else.
fn is_plain_path(path: &str) -> bool {
    let is_plain = |segment: &str| {
        let chars = segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        chars && !matches!(segment, "" | "." | "..")
    };
    path.strip_prefix('/').is_some_and(|segments| segments.split('/').all(is_plain))
}

impl ServerSection {
    pub(super) fn threads(&self) -> usize {
        match self.workers {
            0 => available_threads(),
            workers => workers,
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let numbers = [
            ("max_connections", self.max_connections),
            ("max_connections_per_ip", self.max_connections_per_ip),
            ("max_head_bytes", self.max_head_bytes),
            ("max_headers", self.max_headers),
            ("max_target_bytes", self.max_target_bytes),
        ];
        let numbers = numbers.into_iter().filter(|(_, value)| *value == 0).map(|(key, _)| (key, "expected at least 1"));
        let times = [
            ("header_timeout", self.header_timeout),
            ("keep_alive_timeout", self.keep_alive_timeout),
            ("write_timeout", self.write_timeout),
        ];
        let times =
            times.into_iter().filter(|(_, value)| value.is_zero()).map(|(key, _)| (key, "expected more than 0s"));
        let workers = (self.workers > MAX_WORKERS).then_some(("workers", "expected at most 1024"));
        let peer = !(MIN_PEER_TIMEOUT..=MAX_PEER_TIMEOUT).contains(&self.peer_timeout);
        let peer = peer.then_some(("peer_timeout", "expected at least 4s and at most 1h"));
        let all = numbers.chain(times).chain(workers).chain(peer);
        let all = all.map(|(key, problem)| Problem::new(format!("server.{key}"), problem));
        all.chain(OwnHosts::new(&self.hosts).err().map(Problem::from)).collect()
    }
}

/// How many threads there are cores for.
pub(super) fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// More threads than any machine is helped by; a mistyped number should not start them.
const MAX_WORKERS: usize = 1024;

/// Probes are timed in whole seconds.
const MIN_PEER_TIMEOUT: Duration = Duration::from_secs(4);
const MAX_PEER_TIMEOUT: Duration = Duration::from_secs(60 * 60);

impl TlsSection {
    fn load(&self) -> Result<Option<Arc<rustls::ServerConfig>>, Problem> {
        match (&self.certificate, &self.key) {
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(Problem::new("server.tls.key", "is missing; expected it beside server.tls.certificate"))
            }
            (None, Some(_)) => {
                Err(Problem::new("server.tls.certificate", "is missing; expected it beside server.tls.key"))
            }
            (Some(certificate), Some(key)) => {
                let blamed =
                    |path: &std::path::Path| if path == key { "server.tls.key" } else { "server.tls.certificate" };
                tls_config(certificate, key).map(Some).map_err(|error| Problem::new(blamed(&error.path), error.problem))
            }
        }
    }
}

impl LogSection {
    fn problem(&self) -> Option<Problem> {
        let error = EnvFilter::try_new(&self.level).err()?;
        let expected = "expected error, warn, info, debug, trace, or a filter such as \"info,byway::node=debug\"";
        Some(Problem::new("log.level", format!("{error}; {expected}")))
    }
}

impl EndpointSection {
    /// Where it answers, by the settings that say so.
    fn paths(&self, name: &str) -> impl Iterator<Item = (String, &str)> {
        let feeds = self.feed_path.iter().map(move |path| (format!("endpoints.{name}.feed_path"), path.as_str()));
        std::iter::once((format!("endpoints.{name}.path"), self.path.as_str())).chain(feeds)
    }

    fn mount(&self, name: &str, rates: &RateSettings, stomp: impl FnOnce() -> Stomp) -> Result<Mounted, Problem> {
        let key = |key: &str| format!("endpoints.{name}.{key}");
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            return Err(Problem::new(format!("endpoints.{name:?}"), "expected a name of letters, digits, - and _"));
        }
        if self.feed_path.is_some() && self.app != Application::Stomp {
            return Err(Problem::new(key("feed_path"), "expected only where app = \"stomp\""));
        }
        let byway = self.app.byway_with_rates(self.settings(), rates, stomp);
        // What is wrong with the endpoint itself has a key within its section; policies and STOMP have their own.
        let (byway, messenger) = byway.map_err(|error| match error.key.split('.').next() {
            Some("stomp" | "broker" | "messaging" | "rates" | "feeds") => Problem::from(error),
            _ => Problem::new(key(error.key), error.problem),
        })?;
        let (name, path, feed_path) = (name.to_owned(), self.path.clone(), self.feed_path.clone());
        Ok(Mounted { name, path, feed_path, application: self.app, byway, messenger })
    }
}
