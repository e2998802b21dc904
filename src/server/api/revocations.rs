//! Taking back what users, sessions and tokens may do.

use super::endpoints::session_id;
use super::problem::Refusal;
use crate::policy::Revocation;
use poem_openapi::Object;
use std::time::SystemTime;

/// What is taken back: exactly one of `user`, `session` and `token`.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(super) struct Revoke {
    /// All sessions of this user, and its tokens that were issued until now.
    #[oai(validator(min_length = 1, max_length = 256))]
    user: Option<String>,
    /// One session.
    session: Option<String>,
    /// The token with this id (`jti`), and its sessions.
    #[oai(validator(min_length = 1, max_length = 256))]
    token: Option<String>,
    /// When the last of the user's tokens, or the token, has expired at the latest (RFC 3339, in UTC). It has to be there
    /// with `user` and `token`.
    until: Option<String>,
}

/// What came of it.
#[derive(Debug, Object)]
pub(super) struct Revoked {
    /// How many sessions ended.
    pub(super) sessions_ended: u64,
}

impl Revoke {
    /// What is revoked, and until when that is to be remembered.
    pub(super) fn parse(self, now: SystemTime) -> Result<(Revocation, SystemTime), Refusal> {
        let until = self.until.as_deref().map(|until| time(until, now)).transpose()?;
        let needed = || invalid("until is missing; expected when the last of its tokens has expired");
        match (self.user, self.session, self.token) {
            (Some(user), None, None) => Ok((Revocation::User(user.into()), until.ok_or_else(needed)?)),
            (None, None, Some(token)) => Ok((Revocation::Token(token.into()), until.ok_or_else(needed)?)),
            // No token brings a session back, so there is nothing to remember.
            (None, Some(id), None) => {
                let id = session_id(&id).ok_or_else(|| invalid("session is no id of a session, such as s12"))?;
                Ok((Revocation::Session(id), until.unwrap_or(now)))
            }
            _ => Err(invalid("expected exactly one of user, session and token")),
        }
    }
}

fn time(text: &str, now: SystemTime) -> Result<SystemTime, Refusal> {
    let time = humantime::parse_rfc3339(text)
        .map_err(|_| invalid("until is no time; expected one in UTC, such as 2030-01-31T12:00:00Z"))?;
    match time > now {
        true => Ok(time),
        false => Err(invalid("until is over")),
    }
}

fn invalid(detail: &str) -> Refusal {
    Refusal::bad_request("invalid_request", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SessionId;
    use std::time::Duration;

    fn parse(json: &str) -> Result<(Revocation, SystemTime), Refusal> {
        use poem_openapi::types::ParseFromJSON;
        Revoke::parse_from_json_string(json).unwrap().parse(SystemTime::UNIX_EPOCH + Duration::from_secs(100))
    }

    #[test]
    fn one_thing_is_revoked_until_a_time_that_is_to_come() {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(120);
        let user = parse(r#"{"user":"ada","until":"1970-01-01T00:02:00Z"}"#);
        assert_eq!(user, Ok((Revocation::User("ada".into()), until)));
        assert_eq!(parse(r#"{"session":"s7"}"#).map(|(what, _)| what), Ok(Revocation::Session(SessionId(7))));
        for wrong in [
            r#"{}"#,
            r#"{"user":"ada"}"#,
            r#"{"token":"t"}"#,
            r#"{"user":"ada","until":"soon"}"#,
            r#"{"user":"ada","until":"1970-01-01T00:01:00Z"}"#,
            r#"{"session":"7"}"#,
            r#"{"session":"s07"}"#,
            r#"{"user":"ada","token":"t","until":"1970-01-01T00:02:00Z"}"#,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
