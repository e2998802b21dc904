//! Where a token may be.

use super::{AuthError, is_ticket};
use crate::model::{Headers, Secret, SettingsError, fields};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// The longest token in bytes. A longer one is refused before anything of it is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Where a token may be beside CONNECT's headers and HTTP's `Authorization`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// Whether CONNECT's `passcode` is a token. Many clients send `guest` there without being asked. Default false.
    pub passcode: bool,
    /// The query parameter that may be a token, such as `access_token`. URLs get into logs and histories. Default: none.
    pub query_parameter: Option<String>,
    /// The cookie that may be a token. Browsers send it for every page that the Origin policy lets in. Default: none.
    pub cookie: Option<String>,
}

/// Headers of CONNECT that are a token, without regard to case; `true` where it comes behind `Bearer`.
const CONNECT_HEADERS: [(&str, bool); 4] =
    [("authorization", true), ("x-authorization", true), ("token", false), ("access_token", false)];

/// The header of CONNECT, and the query parameter, that is a token if it is a ticket: no other may be in a URL unless the
/// operator says so.
const TICKET: &str = "ticket";

impl TokenSettings {
    /// The token in the headers of a CONNECT (STOMP 1.2, "CONNECT or STOMP Frame"): `Authorization: Bearer ...`,
    /// `X-Authorization: Bearer ...`, `token`, `access_token`, `ticket` if it is one, or `passcode` where that is switched on.
    /// The first that is there counts.
    pub fn token_from(&self, headers: &Headers) -> Result<Option<Secret>, AuthError> {
        let of_connect = CONNECT_HEADERS.into_iter().find_map(|(name, is_bearer)| {
            let value = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)?;
            if is_bearer { bearer(value) } else { Some(value) }
        });
        let passcode = || headers.get("passcode").filter(|_| self.passcode).map(|value| &**value);
        let ticket = || headers.get(TICKET).filter(|value| is_ticket(value)).map(|value| &**value);
        checked(of_connect.or_else(ticket).or_else(passcode))
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
        checked(header().or_else(ticket).or_else(named).or_else(cookie).as_deref())
    }

    /// Refuses names that no query and no cookie can have.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let names = [("auth.token.query_parameter", &self.query_parameter), ("auth.token.cookie", &self.cookie)];
        let wrong = names.into_iter().find(|(_, name)| name.as_deref().is_some_and(|name| !is_name(name)));
        wrong.map_or(Ok(()), |(key, _)| Err(SettingsError::new(key, "expected a name of letters, digits, - and _")))
    }
}

fn checked(token: Option<&str>) -> Result<Option<Secret>, AuthError> {
    match token.filter(|token| !token.is_empty()) {
        Some(token) if token.len() > MAX_TOKEN_BYTES => Err(AuthError::TooLong),
        token => Ok(token.map(Secret::from)),
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
        settings.token_from(&headers).unwrap().map(|token| token.expose().to_owned())
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
    fn a_token_over_8_kib_is_refused_before_it_is_looked_at() {
        let headers = |len: usize| [("token", "x".repeat(len))].into_iter().collect::<Headers>();
        let settings = TokenSettings::default();
        assert!(settings.token_from(&headers(MAX_TOKEN_BYTES)).unwrap().is_some());
        assert_eq!(settings.token_from(&headers(MAX_TOKEN_BYTES + 1)), Err(AuthError::TooLong));
    }

    #[test]
    fn a_name_that_no_url_has_is_refused() {
        for name in ["", "a b", "a=b", "a;b"] {
            let settings = TokenSettings { cookie: Some(name.to_owned()), ..TokenSettings::default() };
            assert_eq!(settings.validate().unwrap_err().key, "auth.token.cookie", "{name}");
        }
    }
}
