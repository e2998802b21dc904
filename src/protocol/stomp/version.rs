use std::fmt;

/// A version of STOMP. A later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// STOMP 1.0: no escapes, no heartbeats, ids of subscriptions are optional.
    V1_0,
    /// STOMP 1.1.
    V1_1,
    /// STOMP 1.2.
    V1_2,
}

impl Version {
    /// All versions, the earliest first.
    pub const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V1_2];

    /// What the `version` header of an ERROR says when no version is common.
    pub const SUPPORTED: &str = "1.0,1.1,1.2";

    /// The version as headers have it, such as `1.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// The name of the WebSocket sub-protocol, such as `v12.stomp` (IANA's registry).
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::V1_0 => "v10.stomp",
            Self::V1_1 => "v11.stomp",
            Self::V1_2 => "v12.stomp",
        }
    }

    /// The version of a WebSocket sub-protocol, or `None` for one that is not STOMP.
    ///
    /// It says that STOMP is spoken, and no more: which version is spoken, `accept-version` decides. Old clients offer
    /// their sub-protocols from the earliest on, and mean no choice by it.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.subprotocol() == name)
    }

    /// The highest version that an `accept-version` header and this server have in common (STOMP 1.2, "Protocol
    /// Negotiation"), in whatever order they are listed; 1.0 without the header, as 1.0 has none.
    pub fn negotiate(accept_version: Option<&str>) -> Option<Self> {
        let Some(accepted) = accept_version else { return Some(Self::V1_0) };
        let offers = |version: &Self| accepted.split(',').any(|offer| offer.trim() == version.as_str());
        Self::ALL.into_iter().rev().find(offers)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_chosen_in_any_order_and_beside_unknown_ones() {
        for (accepted, chosen) in [
            (Some("1.0,1.1,1.2"), Some(Version::V1_2)),
            (Some("1.2,1.1,1.0"), Some(Version::V1_2)),
            (Some("1.1, 1.0"), Some(Version::V1_1)),
            (Some("1.0,2.0,9"), Some(Version::V1_0)),
            (Some("2.0"), None),
            (Some(""), None),
            (Some("1.20"), None),
            (None, Some(Version::V1_0)),
        ] {
            assert_eq!(Version::negotiate(accepted), chosen, "{accepted:?}");
        }
    }

    #[test]
    fn a_sub_protocol_names_its_version_and_others_name_none() {
        for version in Version::ALL {
            assert_eq!(Version::from_subprotocol(version.subprotocol()), Some(version));
        }
        assert_eq!(Version::from_subprotocol("V12.STOMP"), None);
        assert_eq!(Version::from_subprotocol("mqtt"), None);
    }

    #[test]
    fn what_is_listed_as_supported_are_all_versions() {
        assert_eq!(Version::SUPPORTED, Version::ALL.map(Version::as_str).join(","));
    }
}
