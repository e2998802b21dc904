//! Where a token may be.

use super::{AuthError, is_ticket};
use crate::model::{Headers, Secret, SettingsError, fields};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// Where a token may be beside CONNECT's headers and HTTP's `Authorization`, and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// The longest token in bytes; a longer one is refused before anything of it is looked at. It has to fit into a request's
    /// head, and into a line and the head of a STOMP frame. Default 8 KiB, at most 1 MiB.
    pub max_bytes: usize,
    /// Whether CONNECT's `passcode` is a token. Many clients send `guest` there without being asked. Default false.
    pub passcode: bool,
    /// The query parameter that may be a token, such as `access_token`. URLs get into logs and histories. Default: none.
    pub query_parameter: Option<String>,
    /// The cookie that may be a token. Browsers send it for every page that the Origin policy lets in. Default: none.
    pub cookie: Option<String>,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { max_bytes: 8 * 1024, passcode: false, query_parameter: None, cookie: None }
    }
}

/// More than any issuer signs, and than any client should have to send.
const LONGEST: usize = 1 << 20;

/// Headers of CONNECT that are a token, without regard to case; `true` where it comes behind `Bearer`.
const CONNECT_HEADERS: [(&str, bool); 4] =
    [("authorization", true), ("x-authorization", true), ("token", false), ("access_token", false)];

/// The header of CONNECT, and the query parameter, that is a token if it is a ticket: no other may be in a URL unless the
/// operator says so.
const TICKET: &str = "ticket";

impl TokenSettings {
    /// The token in the headers of a CONNECT (STOMP 1.2, "CONNECT or STOMP Frame"): `Authorization: Bearer ...`,
    /// `X-Authorization: Bearer ...`, `token`, `access_token`, `ticket` if it is one, or `passcode` where that is switched on.
    /// The first that is there counts. `passcode` is CONNECT's, where it is not among the headers any more.
    pub fn token_from(&self, headers: &Headers, passcode: Option<&str>) -> Result<Option<Secret>, AuthError> {
        let of_connect = CONNECT_HEADERS.into_iter().find_map(|(name, is_bearer)| {
            let value = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)?;
            if is_bearer { bearer(value) } else { Some(value) }
        });
        let passcode = || passcode.or_else(|| headers.get("passcode").map(|value| &**value)).filter(|_| self.passcode);
        let ticket = || headers.get(TICKET).filter(|value| is_ticket(value)).map(|value| &**value);
        self.checked(of_connect.or_else(ticket).or_else(passcode))
    }

    /// The token of an HTTP request: `Authorization: Bearer ...` (RFC 6750, section 2.1), or the query parameter `ticket` if it is
    /// one, or the query parameter, or the cookie, where those have a name. `query` is what stands behind the question mark.
    pub fn token_from_request(&self, headers: &HeaderMap, query: Option<&str>) -> Result<Option<Secret>, AuthError> {
        // A token that is no text is a bad one, not none.
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let header = || fields::credentials(headers, "bearer").map(text);
        let ticket = || parameter(query?, TICKET).filter(|value| is_ticket(value));
        let named = || parameter(query?, self.query_parameter.as_deref()?);
        let cookie = || fields::cookie(headers, self.cookie.as_deref()?).map(text);
        self.checked(header().or_else(ticket).or_else(named).or_else(cookie).as_deref())
    }

    fn checked(&self, token: Option<&str>) -> Result<Option<Secret>, AuthError> {
        match token.filter(|token| !token.is_empty()) {
            Some(token) if token.len() > self.max_bytes => Err(AuthError::TooLong),
            token => Ok(token.map(Secret::from)),
        }
    }

    /// Refuses names that no query and no cookie can have, and tokens of no length.
    pub fn validate(&self) -> Result<(), SettingsError> {
        if self.max_bytes == 0 || self.max_bytes > LONGEST {
            return Err(SettingsError::new("auth.token.max_bytes", "expected at least 1, and at most 1048576"));
        }
        let names = [("auth.token.query_parameter", &self.query_parameter), ("auth.token.cookie", &self.cookie)];
        let wrong = names.into_iter().find(|(_, name)| name.as_deref().is_some_and(|name| !is_name(name)));
        wrong.map_or(Ok(()), |(key, _)| Err(SettingsError::new(key, "expected a name of letters, digits, - and _")))
    }
}

/// What stands behind `Bearer`, whatever its case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(settings: &TokenSettings, headers: &[(&str, &str)]) -> Option<String> {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        settings.token_from(&headers, None).unwrap().map(|token| token.expose().to_owned())
    }

    fn request(settings: &TokenSettings, headers: &[(&'static str, &'static str)], query: &str) -> Option<String> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        settings.token_from_request(&headers, Some(query)).unwrap().map(|token| token.expose().to_owned())
    }

    #[test]
    fn connect_has_its_token_in_any_of_the_headers_that_clients_use() {
        let settings = TokenSettings::default();
        for header in [
            ("Authorization", "Bearer t"),
            ("authorization", "bearer  t"),
            ("X-Authorization", "Bearer t"),
            ("token", "t"),
            ("access_token", "t"),
        ] {
            assert_eq!(connect(&settings, &[("host", "x"), header]).as_deref(), Some("t"), "{header:?}");
        }
        assert_eq!(connect(&settings, &[("token", "late"), ("Authorization", "Bearer t")]).as_deref(), Some("t"));
        for header in [("Authorization", "Basic t"), ("Authorization", "t"), ("token", ""), ("passcode", "t")] {
            assert_eq!(connect(&settings, &[header]), None, "{header:?}");
        }
    }

    #[test]
    fn a_passcode_is_a_token_only_where_that_is_switched_on() {
        let settings = TokenSettings { passcode: true, ..TokenSettings::default() };
        assert_eq!(connect(&settings, &[("login", "guest"), ("passcode", "t")]).as_deref(), Some("t"));
        for (settings, taken) in [(settings, Some("t")), (TokenSettings::default(), None)] {
            let token = settings.token_from(&Headers::new(), Some("t")).unwrap();
            assert_eq!(token.as_ref().map(Secret::expose), taken);
        }
    }

    #[test]
    fn a_query_and_a_cookie_are_looked_at_only_where_they_have_a_name() {
        let cookies = [("cookie", "a=b; session=c")];
        assert_eq!(request(&TokenSettings::default(), &cookies, "access_token=q"), None);
        let query = TokenSettings { query_parameter: Some("access_token".into()), ..TokenSettings::default() };
        assert_eq!(request(&query, &cookies, "x=y&access_token=%71").as_deref(), Some("q"));
        let cookie = TokenSettings { cookie: Some("session".into()), ..TokenSettings::default() };
        assert_eq!(request(&cookie, &cookies, "access_token=q").as_deref(), Some("c"));
        let header = [("authorization", "Bearer h"), ("cookie", "session=c")];
        assert_eq!(request(&cookie, &header, "").as_deref(), Some("h"));
    }

    #[test]
    fn a_token_is_found_beside_what_is_no_text_and_one_that_is_none_is_a_bad_one() {
        let settings = TokenSettings { cookie: Some("session".into()), ..TokenSettings::default() };
        let request = |lines: &[(&'static str, &[u8])]| {
            let value = |bytes: &[u8]| http::HeaderValue::from_bytes(bytes).unwrap();
            let headers = lines.iter().map(|(name, bytes)| (name.parse().unwrap(), value(bytes))).collect();
            settings.token_from_request(&headers, None).unwrap().map(|token| token.expose().to_owned())
        };
        assert_eq!(request(&[("cookie", b"theme=caf\xe9; session=c")]).as_deref(), Some("c"));
        assert_eq!(request(&[("authorization", b"Basic \xff"), ("authorization", b"Bearer t")]).as_deref(), Some("t"));
        assert_eq!(
            request(&[("authorization", b"Bearer t\xff"), ("cookie", b"session=c")]).as_deref(),
            Some("t\u{fffd}")
        );
    }

    #[test]
    fn a_ticket_may_be_where_no_other_token_may() {
        let settings = TokenSettings { cookie: Some("session".into()), ..TokenSettings::default() };
        let cookies = [("cookie", "session=c")];
        assert_eq!(connect(&settings, &[("ticket", "byway_t_x")]).as_deref(), Some("byway_t_x"));
        assert_eq!(connect(&settings, &[("ticket", "x.y.z")]), None);
        assert_eq!(request(&settings, &cookies, "ticket=byway_t_x").as_deref(), Some("byway_t_x"));
        assert_eq!(request(&settings, &cookies, "ticket=x.y.z").as_deref(), Some("c"));
    }

    #[test]
    fn a_token_that_is_too_long_is_refused_before_it_is_looked_at() {
        let headers = |len: usize| [("token", "x".repeat(len))].into_iter().collect::<Headers>();
        for (settings, longest) in [
            (TokenSettings::default(), 8192),
            (TokenSettings { max_bytes: 12_288, ..TokenSettings::default() }, 12_288),
        ] {
            assert!(settings.token_from(&headers(longest), None).unwrap().is_some());
            assert_eq!(settings.token_from(&headers(longest + 1), None), Err(AuthError::TooLong));
        }
        for max_bytes in [0, LONGEST + 1] {
            let settings = TokenSettings { max_bytes, ..TokenSettings::default() };
            assert_eq!(settings.validate().unwrap_err().key, "auth.token.max_bytes");
        }
    }

    #[test]
    fn a_name_that_no_url_has_is_refused() {
        for name in ["", "a b", "a=b", "a;b"] {
            let settings = TokenSettings { cookie: Some(name.to_owned()), ..TokenSettings::default() };
            assert_eq!(settings.validate().unwrap_err().key, "auth.token.cookie", "{name}");
        }
    }
}
