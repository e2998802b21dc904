//! Which web pages may use an endpoint.

use super::host::{self, HostRule};
use crate::model::SettingsError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which pages may open sessions. By default only those of the server's own origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OriginSettings {
    /// Origins beside the own one: `https://app.example.com`, `https://*.example.com` (any depth of sub-domains),
    /// `http://localhost:*` (any port), those of apps (`capacitor://localhost`, `chrome-extension://id`, `file://`), `null`
    /// (sandboxed pages and files), or `*` for all of these and every page on the web, which demands `credentials = false`.
    /// Default: none.
    pub allowed: Vec<String>,
    /// Whether foreign pages may send cookies and other credentials. sockjs-client's XHR transports always do, and
    /// fail cross-origin without. Default true.
    pub credentials: bool,
}

impl Default for OriginSettings {
    fn default() -> Self {
        Self { allowed: Vec::new(), credentials: true }
    }
}

/// An origin that is not one, or a combination that would open every user's session to every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginError {
    /// Neither `scheme://host`, `scheme://host:port`, an app's `scheme://`, `null` nor `*`.
    Malformed(String),
    /// `*` together with credentials.
    AnyWithCredentials,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(origin) => write!(
                f,
                "\"{origin}\" is no origin; expected scheme://host, scheme://host:port, scheme://*.host, file://, \"null\" or \"*\""
            ),
            Self::AnyWithCredentials => f.write_str(
                "\"*\" together with credentials would let every page on the web act for its visitor; \
                 list the origins, or set credentials = false",
            ),
        }
    }
}

impl std::error::Error for OriginError {}

impl From<OriginError> for SettingsError {
    fn from(error: OriginError) -> Self {
        Self::new("origins.allowed", error.to_string())
    }
}

/// A checked [`OriginSettings`].
#[derive(Debug, Clone)]
pub struct OriginPolicy {
    rules: Vec<Rule>,
    credentials: bool,
}

impl OriginPolicy {
    /// Checks the settings.
    pub fn new(settings: &OriginSettings) -> Result<Self, OriginError> {
        let rules = settings.allowed.iter().map(|rule| rule.parse()).collect::<Result<Vec<Rule>, _>>()?;
        if settings.credentials && rules.contains(&Rule::Any) {
            return Err(OriginError::AnyWithCredentials);
        }
        Ok(Self { rules, credentials: settings.credentials })
    }

    /// Whether a page of `origin` (the header's value) may use an endpoint whose own origin is `own`.
    pub fn allows(&self, origin: &str, own: Option<&Origin>) -> bool {
        if self.rules.contains(&Rule::Any) {
            return true;
        }
        if origin == "null" {
            return self.rules.contains(&Rule::Null);
        }
        let Ok(origin) = origin.parse::<Origin>() else { return false };
        own.is_some_and(|own| *own == origin || *own == origin.of_page())
            || self.rules.iter().any(|rule| rule.matches(&origin))
    }

    /// Whether answers to foreign pages allow credentials.
    pub fn credentials(&self) -> bool {
        self.credentials
    }

    /// The same rules as sources of a Content-Security-Policy's `frame-ancestors` (CSP Level 3, section 6.4.2).
    pub fn frame_ancestors(&self) -> String {
        let allowed = self.rules.iter().filter(|rule| **rule != Rule::Null).map(ToString::to_string);
        std::iter::once("'self'".to_owned()).chain(allowed).collect::<Vec<_>>().join(" ")
    }
}

/// Scheme, host and port (RFC 6454, section 4), in lower case and with the port spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin that a request was sent to: the connection's scheme and the Host header's value.
    pub fn of_request(scheme: &str, host: &str) -> Option<Self> {
        format!("{scheme}://{host}").parse().ok()
    }

    /// The page's own: some clients name the scheme of the socket that they open.
    fn of_page(&self) -> Self {
        let scheme = match self.scheme.as_str() {
            "ws" => "http",
            "wss" => "https",
            other => other,
        };
        Self { scheme: scheme.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) if default_port(&self.scheme) != Some(port) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let malformed = || OriginError::Malformed(text.to_owned());
        let (scheme, host, port) = split(text).ok_or_else(malformed)?;
        let port = port.map(str::parse).transpose().map_err(|_| malformed())?;
        let port = port.or(default_port(&scheme));
        if host.contains('*') {
            return Err(malformed());
        }
        Ok(Self { scheme, host, port })
    }
}

/// Splits `scheme://host[:port]`, refusing whatever else a URL may have but a slash behind it, which some apps send.
fn split(text: &str) -> Option<(String, String, Option<&str>)> {
    let (scheme, authority) = text.split_once("://")?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let is_scheme = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let scheme = is_scheme.then(|| scheme.to_ascii_lowercase())?;
    let (host, port) = host::split(authority)?;
    // `file://` and `content://` have no host; the web's origins do.
    let has_host = !host.is_empty() || (authority.is_empty() && default_port(&scheme).is_none());
    has_host.then_some((scheme, host, port))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Any,
    Null,
    Pattern { scheme: String, host: HostRule, port: PortRule },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PortRule {
    Any,
    Exactly(Option<u16>),
}

impl Rule {
    fn matches(&self, origin: &Origin) -> bool {
        match self {
            Self::Any => true,
            Self::Null => false,
            Self::Pattern { scheme, host, port } => {
                *scheme == origin.scheme && host.matches(&origin.host) && port.matches(origin.port)
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Pattern { scheme, host, port } = self else {
            return f.write_str(if *self == Self::Any { "*" } else { "null" });
        };
        match host {
            HostRule::Any => write!(f, "{scheme}://*")?,
            HostRule::SubdomainOf(suffix) => write!(f, "{scheme}://*{suffix}")?,
            HostRule::Exactly(host) if host.is_empty() => return write!(f, "{scheme}:"),
            HostRule::Exactly(host) => write!(f, "{scheme}://{host}")?,
        }
        match port {
            PortRule::Any => f.write_str(":*"),
            PortRule::Exactly(Some(port)) if default_port(scheme) != Some(*port) => write!(f, ":{port}"),
            PortRule::Exactly(_) => Ok(()),
        }
    }
}

impl PortRule {
    fn matches(&self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => port == *wanted,
        }
    }
}

impl FromStr for Rule {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        match text {
            "*" => Ok(Self::Any),
            "null" => Ok(Self::Null),
            _ => parse_pattern(text).ok_or_else(|| OriginError::Malformed(text.to_owned())),
        }
    }
}

fn parse_pattern(text: &str) -> Option<Rule> {
    let (scheme, host, port) = split(text)?;
    let port = match port {
        Some("*") => PortRule::Any,
        Some(port) => PortRule::Exactly(Some(port.parse().ok()?)),
        None => PortRule::Exactly(default_port(&scheme)),
    };
    let host = HostRule::new(host)?;
    Some(Rule::Pattern { scheme, host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allowed: &[&str]) -> OriginPolicy {
        let allowed = allowed.iter().map(ToString::to_string).collect();
        OriginPolicy::new(&OriginSettings { allowed, credentials: true }).unwrap()
    }

    #[test]
    fn without_a_list_only_the_own_origin_is_allowed() {
        let own = Origin::of_request("https", "good.com");
        let allows = |origin| policy(&[]).allows(origin, own.as_ref());
        for origin in
            ["https://good.com", "https://GOOD.com:443", "https://good.com/", "wss://good.com", "WSS://good.com:443/"]
        {
            assert!(allows(origin), "{origin}");
        }
        for origin in [
            "https://evil.com",
            "null",
            "https://good.com.evil.com",
            "https://evil-good.com",
            "http://good.com",
            "https://good.com:8443",
            "https://good.com//",
            "https://good.com/x",
            "ws://good.com",
            "file://",
            "https://",
            "https://user@good.com",
            "good.com",
            "",
        ] {
            assert!(!allows(origin), "{origin}");
        }
    }

    #[test]
    fn patterns_match_sub_domains_and_ports_and_nothing_that_only_looks_like_them() {
        let policy = policy(&["https://*.example.com", "http://localhost:*"]);
        for origin in ["https://a.example.com", "https://a.b.example.com", "http://localhost", "http://localhost:3000"]
        {
            assert!(policy.allows(origin, None), "{origin}");
        }
        for origin in
            ["https://example.com", "https://badexample.com", "https://a.example.com.evil", "http://a.example.com"]
        {
            assert!(!policy.allows(origin, None), "{origin}");
        }
    }

    #[test]
    fn null_is_allowed_only_by_its_name() {
        assert!(policy(&["null"]).allows("null", None));
        assert!(!policy(&["https://*"]).allows("null", None));
    }

    #[test]
    fn origins_of_apps_are_allowed_where_they_are_listed() {
        let origins = [
            "file://",
            "content://",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
            "moz-extension://c0b5e1f0-2d4f-4a3a-9e8d-0123456789ab",
            "app://",
        ];
        let listed = policy(&origins);
        for (at, origin) in origins.iter().enumerate() {
            let (others, own) = (policy(&[origins[..at].to_vec(), origins[at + 1..].to_vec()].concat()), None);
            assert!(
                listed.allows(origin, own) && !others.allows(origin, own) && !policy(&[]).allows(origin, own),
                "{origin}"
            );
        }
        assert!(listed.allows("file:///", None) && policy(&["chrome-extension://*"]).allows(origins[5], None));
        assert!(!listed.allows("file://host", None) && !policy(&["https://*"]).allows("file://", None));
        assert_eq!(policy(&["file://", "tauri://localhost"]).frame_ancestors(), "'self' file: tauri://localhost");
    }

    #[test]
    fn a_star_is_every_origin_whatever_it_looks_like() {
        let settings = OriginSettings { allowed: vec!["*".into()], credentials: false };
        let any = OriginPolicy::new(&settings).unwrap();
        for origin in ["https://any.where", "file://", "null", "app://x", "wss://a:1", "test", ""] {
            assert!(any.allows(origin, None), "{origin}");
        }
    }

    #[test]
    fn every_origin_together_with_credentials_is_refused() {
        let settings = |credentials| OriginSettings { allowed: vec!["*".into()], credentials };
        assert_eq!(OriginPolicy::new(&settings(true)).unwrap_err(), OriginError::AnyWithCredentials);
        assert!(OriginPolicy::new(&settings(false)).unwrap().allows("https://any.where", None));
    }

    #[test]
    fn pages_that_may_embed_the_iframe_are_those_of_the_rules() {
        let policy = policy(&["https://*.example.com", "http://localhost:*", "null", "https://a.com:8443"]);
        let ancestors = "'self' https://*.example.com http://localhost:* https://a.com:8443";
        assert_eq!(policy.frame_ancestors(), ancestors);
    }

    #[test]
    fn rules_that_are_no_origins_are_refused() {
        for rule in
            ["example.com", "https://", "https://a*.com", "https://*.*.com", "https://a.com/x", "https://a.com:x"]
        {
            let settings = OriginSettings { allowed: vec![rule.into()], credentials: true };
            assert!(OriginPolicy::new(&settings).is_err(), "{rule}");
        }
    }
}
