//! What a destination in a client's message means. This is the only place that decides it.
//!
//! A user's own queues are nowhere in the broker's names: they are found through the session that subscribed, never
//! through a text that a client could write. So no spelling reaches somebody else's.

use super::MessagingSettings;
use crate::model::{Destination, DestinationError, DestinationPattern};
use bytestring::ByteString;
use std::fmt;

/// Where a client's SEND goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendAddress {
    /// To the application's handlers.
    App(Destination),
    /// To every session of a user that subscribed `suffix` for itself. Rules are asked about the destination as sent,
    /// `/user/{name}/queue/x`.
    User {
        /// The user's name.
        name: ByteString,
        /// The destination without the prefix and the name: `/queue/x`.
        suffix: Destination,
    },
    /// To the broker.
    Broker(Destination),
}

/// What a client's SUBSCRIBE listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscribeAddress {
    /// One answer of the application's handlers; no subscription stays.
    App(Destination),
    /// What is sent to the caller's own name or session at this suffix: `/queue/x` for `/user/queue/x`.
    OwnUser(Destination),
    /// Who is present in a destination of the broker's.
    Presence {
        /// Where it is told: `/presence/topic/a`.
        at: Destination,
        /// Where they are: `/topic/a`.
        of: Destination,
    },
    /// What the broker has under one destination or many.
    Broker(DestinationPattern),
}

/// Why a destination means nothing to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// It is no destination at all.
    Malformed(DestinationError),
    /// It is a prefix with nothing behind it, such as `/app`.
    OnlyPrefix,
    /// It has a wildcard where one destination has to be named: in SEND, below `/app`, `/user` and `/presence`.
    Wildcard,
    /// Its wildcards reach what is below `/app`, `/user` or `/presence`, as in `/**`.
    TooWide,
    /// It is below `/presence`, where the server alone tells something.
    OnlyToSubscribe,
    /// It asks who is present where nobody can be, as below `/presence/app`.
    NoPresence,
    /// Below `/user` it is neither the caller's own (`/user/queue/x`) nor, in SEND, that of a named user
    /// (`/user/{name}/queue/x`).
    NoUserDestination,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::OnlyPrefix => f.write_str("forbidden: the destination is only a prefix"),
            Self::Wildcard => f.write_str("forbidden: this destination takes no wildcard"),
            Self::TooWide => f.write_str("forbidden: the wildcards reach too far; name the first segments"),
            Self::NoPresence => f.write_str("forbidden: who is present there is not kept; broker.presence says where it is"),
            Self::OnlyToSubscribe => f.write_str("forbidden: who is present is told by the server alone"),
            Self::NoUserDestination => f.write_str(
                "forbidden: a user's own destinations are subscribed as /user/queue/... or /user/topic/..., and sent to \
                 as /user/{name}/queue/... or /user/{name}/topic/...",
            ),
        }
    }
}

impl std::error::Error for AddressError {}

impl From<DestinationError> for AddressError {
    fn from(error: DestinationError) -> Self {
        Self::Malformed(error)
    }
}

impl SendAddress {
    /// The meaning of a client's text.
    pub fn parse(text: impl Into<ByteString>, settings: &MessagingSettings) -> Result<Self, AddressError> {
        Self::of(Destination::parse(text)?, settings)
    }

    /// The meaning of a checked destination.
    pub fn of(destination: Destination, settings: &MessagingSettings) -> Result<Self, AddressError> {
        match Area::of(&destination, settings)? {
            Area::App => Ok(Self::App(destination)),
            Area::Broker => Ok(Self::Broker(destination)),
            Area::Presence(_) => Err(AddressError::OnlyToSubscribe),
            Area::User(rest) => {
                let name = rest.segments().next().unwrap_or_default();
                let name = rest.as_text().slice_ref(name);
                let suffix = rest.strip(&rest.as_str()[..=name.len()]).ok_or(AddressError::NoUserDestination)?;
                Ok(Self::User { name, suffix: own_suffix(suffix)? })
            }
        }
    }
}

impl SubscribeAddress {
    /// The meaning of a client's text.
    pub fn parse(text: impl Into<ByteString>, settings: &MessagingSettings) -> Result<Self, AddressError> {
        Self::of(DestinationPattern::parse(text)?, settings)
    }

    /// The meaning of a checked pattern.
    pub fn of(pattern: DestinationPattern, settings: &MessagingSettings) -> Result<Self, AddressError> {
        let Some(destination) = pattern.as_destination() else { return Self::of_many(pattern, settings) };
        match Area::of(&destination, settings)? {
            Area::App => Ok(Self::App(destination)),
            Area::Broker => Ok(Self::Broker(pattern)),
            Area::Presence(of) => match Area::of(&of, settings)? {
                Area::Broker => Ok(Self::Presence { at: destination, of }),
                _ => Err(AddressError::NoPresence),
            },
            Area::User(suffix) => Ok(Self::OwnUser(own_suffix(suffix)?)),
        }
    }

    fn of_many(pattern: DestinationPattern, settings: &MessagingSettings) -> Result<Self, AddressError> {
        for prefix in [&settings.app_prefix, &settings.user_prefix, &settings.presence_prefix] {
            let all = DestinationPattern::parse(format!("{prefix}/**"))?;
            if all.covers(&pattern) {
                return Err(AddressError::Wildcard);
            }
            if all.intersects(&pattern) {
                return Err(AddressError::TooWide);
            }
        }
        Ok(Self::Broker(pattern))
    }
}

/// Whose a destination is.
enum Area {
    App,
    /// Without the prefix.
    User(Destination),
    /// Without the prefix.
    Presence(Destination),
    Broker,
}

impl Area {
    fn of(destination: &Destination, settings: &MessagingSettings) -> Result<Self, AddressError> {
        let MessagingSettings { app_prefix, user_prefix, presence_prefix, .. } = settings;
        if [app_prefix, user_prefix, presence_prefix].contains(&destination) {
            return Err(AddressError::OnlyPrefix);
        }
        if destination.is_below(app_prefix.as_str()) {
            return Ok(Self::App);
        }
        let user = || destination.strip(user_prefix.as_str()).map(Self::User);
        let presence = || destination.strip(presence_prefix.as_str()).map(Self::Presence);
        Ok(user().or_else(presence).unwrap_or(Self::Broker))
    }
}

/// The kinds are named so that `/user/bob/queue/x` is never the caller's own `/bob/queue/x`.
pub(super) fn is_own_suffix(suffix: &Destination) -> bool {
    suffix.is_below("/queue") || suffix.is_below("/topic")
}

fn own_suffix(suffix: Destination) -> Result<Destination, AddressError> {
    match is_own_suffix(&suffix) {
        true => Ok(suffix),
        false => Err(AddressError::NoUserDestination),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(text: &str) -> Result<SendAddress, AddressError> {
        SendAddress::parse(text, &MessagingSettings::default())
    }

    fn subscribe(text: &str) -> Result<SubscribeAddress, AddressError> {
        SubscribeAddress::parse(text, &MessagingSettings::default())
    }

    fn destination(text: &str) -> Destination {
        Destination::parse(text).unwrap()
    }

    #[test]
    fn a_prefix_says_whose_a_destination_is() {
        assert_eq!(send("/app/chat/blue"), Ok(SendAddress::App(destination("/app/chat/blue"))));
        assert_eq!(send("/topic/news"), Ok(SendAddress::Broker(destination("/topic/news"))));
        assert_eq!(send("/application/x"), Ok(SendAddress::Broker(destination("/application/x"))));
        assert_eq!(
            send("/user/bob/queue/x/y"),
            Ok(SendAddress::User { name: "bob".into(), suffix: destination("/queue/x/y") })
        );
        assert_eq!(subscribe("/app/rooms"), Ok(SubscribeAddress::App(destination("/app/rooms"))));
        assert_eq!(subscribe("/user/queue/x"), Ok(SubscribeAddress::OwnUser(destination("/queue/x"))));
        assert_eq!(
            subscribe("/topic/**"),
            Ok(SubscribeAddress::Broker(DestinationPattern::parse("/topic/**").unwrap()))
        );
    }

    #[test]
    fn who_is_present_is_asked_of_one_destination_of_the_broker_s_and_told_by_nobody_else() {
        let (at, of) = (destination("/presence/topic/a"), destination("/topic/a"));
        assert_eq!(subscribe("/presence/topic/a"), Ok(SubscribeAddress::Presence { at, of }));
        for nobody in ["/presence/app/a", "/presence/user/queue/a", "/presence/presence/topic/a"] {
            assert_eq!(subscribe(nobody), Err(AddressError::NoPresence), "{nobody}");
        }
        assert_eq!(subscribe("/presence/**"), Err(AddressError::Wildcard));
        assert_eq!(subscribe("/*/topic/a"), Err(AddressError::TooWide));
        assert_eq!(send("/presence/topic/a"), Err(AddressError::OnlyToSubscribe));
    }

    #[test]
    fn a_user_whose_name_is_a_kind_has_queues_like_anybody() {
        assert_eq!(
            send("/user/queue/queue/x"),
            Ok(SendAddress::User { name: "queue".into(), suffix: destination("/queue/x") })
        );
        assert_eq!(subscribe("/user/queue/queue/x"), Ok(SubscribeAddress::OwnUser(destination("/queue/queue/x"))));
    }

    #[test]
    fn a_prefix_alone_is_no_address() {
        for text in ["/app", "/user", "/presence"] {
            assert_eq!(send(text), Err(AddressError::OnlyPrefix), "{text}");
            assert_eq!(subscribe(text), Err(AddressError::OnlyPrefix), "{text}");
        }
    }
}
