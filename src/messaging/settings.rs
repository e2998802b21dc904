use super::PublishError;
use super::address::is_own_suffix;
use crate::model::Destination;
use bytestring::ByteString;
use serde::{Deserialize, Serialize};

/// Which destinations are the application's, which are users' own, and which tell who is present. What is below none of them
/// is the broker's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessagingSettings {
    /// What is below goes to the application's handlers, which are named without it. Default `/app`.
    pub app_prefix: Destination,
    /// What is below belongs to users. Default `/user`.
    pub user_prefix: Destination,
    /// What is below tells who is present: `/presence/topic/a` in `/topic/a`. Default `/presence`.
    pub presence_prefix: Destination,
    /// Where a handler's value goes that has no destination of its own: SEND `/app/chat` is answered on `/topic/chat`.
    /// Default `/topic`.
    pub reply_prefix: Destination,
    /// How many sessions one user may have at a time. Default 100.
    pub max_sessions_per_user: usize,
    /// What becomes of a session whose client was refused something. Default: it ends.
    pub refusals: Refusals,
}

/// What becomes of a session whose client was refused a SEND, a SUBSCRIBE or an acknowledgement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusals {
    /// The client is told in an ERROR frame, and the session ends (STOMP 1.2, "ERROR").
    #[default]
    Close,
    /// The client is told in an ERROR frame, and the session goes on.
    Keep,
}

impl Default for MessagingSettings {
    fn default() -> Self {
        Self {
            app_prefix: literal("/app"),
            user_prefix: literal("/user"),
            presence_prefix: literal("/presence"),
            reply_prefix: literal("/topic"),
            max_sessions_per_user: 100,
            refusals: Refusals::Close,
        }
    }
}

impl MessagingSettings {
    /// Refuses what cannot be right: the setting's name, and what was expected.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        let prefixes = [
            ("app_prefix", &self.app_prefix),
            ("user_prefix", &self.user_prefix),
            ("presence_prefix", &self.presence_prefix),
            ("reply_prefix", &self.reply_prefix),
        ];
        for (at, (key, one)) in prefixes.into_iter().enumerate() {
            let overlaps =
                |other: &&Destination| one == *other || one.is_below(other.as_str()) || other.is_below(one.as_str());
            if let Some(other) = prefixes[..at].iter().map(|(_, other)| *other).find(overlaps) {
                return Err((key, format!("{one} and {other} overlap; expected prefixes that do not")));
            }
        }
        match self.max_sessions_per_user {
            0 => Err(("max_sessions_per_user", "0 would let nobody in; expected at least 1".to_owned())),
            _ => Ok(()),
        }
    }

    /// What a user's own sessions call a destination: `/user/queue/x` for `/queue/x`. Refused where nobody could have
    /// subscribed that.
    pub fn user_destination(&self, suffix: impl Into<ByteString>) -> Result<Destination, PublishError> {
        let suffix = Destination::parse(suffix)?;
        let own = Destination::parse(format!("{}{suffix}", self.user_prefix))?;
        match is_own_suffix(&suffix) {
            true => Ok(own),
            false => Err(PublishError::NotPublishable(own)),
        }
    }

    /// Where a handler's value goes that has no destination of its own: `/topic/chat` for `/chat`.
    pub(super) fn reply_destination(&self, path: &Destination) -> Result<Destination, PublishError> {
        Ok(Destination::parse(format!("{}{path}", self.reply_prefix))?)
    }
}

fn literal(text: &'static str) -> Destination {
    Destination::parse(ByteString::from_static(text)).expect("the defaults are destinations, and a test says so")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(app: &str, user: &str, reply: &str) -> MessagingSettings {
        let [app_prefix, user_prefix, reply_prefix] = [app, user, reply].map(|text| Destination::parse(text).unwrap());
        MessagingSettings { app_prefix, user_prefix, reply_prefix, ..MessagingSettings::default() }
    }

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(MessagingSettings::default(), with("/app", "/user", "/topic"));
        assert_eq!(MessagingSettings::default().validate(), Ok(()));
    }

    #[test]
    fn prefixes_that_overlap_are_refused_by_name() {
        let key = |settings: MessagingSettings| settings.validate().unwrap_err().0;
        assert_eq!(key(with("/a", "/a", "/topic")), "user_prefix");
        assert_eq!(key(with("/a/b", "/a", "/topic")), "user_prefix");
        assert_eq!(key(with("/app", "/user", "/app/topic")), "reply_prefix");
        assert_eq!(key(with("/app", "/user", "/user")), "reply_prefix");
        assert_eq!(with("/app", "/application", "/apps").validate(), Ok(()));
        assert_eq!(key(with("/app", "/user", "/presence/x")), "reply_prefix");
        assert_eq!(key(with("/presence", "/user", "/topic")), "presence_prefix");
    }
}
