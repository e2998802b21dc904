//! Places that publications go to, checked once where they come in, and patterns of them.

use bytestring::ByteString;
use std::fmt;

/// A place that publications go to, such as `/topic/news`.
///
/// There is one spelling for each: it begins with `/`, its segments are neither empty nor `.` nor `..`, and it has no
/// control characters and none of `* # > ? [ ] { } \ %`, which are wildcards or escapes to one system or another. So
/// what a rule was asked about is what a message goes to. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination(ByteString);

/// Which destinations a subscription or a rule is about: a [`Destination`] in which a segment may be `*` (any one) and
/// the last may be `**` (the rest, which may be nothing).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DestinationPattern(ByteString);

/// Why a text is no destination, or no pattern of destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationError {
    /// It does not begin with a slash.
    NotAbsolute,
    /// It has more than [`Destination::MAX_LEN`] bytes.
    TooLong,
    /// It has a segment without a character, as in `//` or with a slash at the end.
    EmptySegment,
    /// It has a segment `.` or `..`.
    DotSegment,
    /// It has a character that no destination has.
    Forbidden(char),
    /// It has a `*` that is not a whole segment, or a `**` that is not the last one.
    MisplacedWildcard,
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("a destination begins with a slash"),
            Self::TooLong => write!(f, "a destination has at most {} bytes", Destination::MAX_LEN),
            Self::EmptySegment => f.write_str("a destination has no empty segment and no slash at its end"),
            Self::DotSegment => f.write_str("a destination has no segment . or .."),
            Self::Forbidden(character) => write!(f, "a destination has no {character:?}"),
            Self::MisplacedWildcard => f.write_str("* stands for a whole segment, and ** for the last ones"),
        }
    }
}

impl std::error::Error for DestinationError {}

impl Destination {
    /// The longest destination in bytes.
    pub const MAX_LEN: usize = 512;

    /// Checks a text.
    pub fn parse(text: impl Into<ByteString>) -> Result<Self, DestinationError> {
        let text = text.into();
        check(&text, |segment, _| check_literal(segment))?;
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn as_text(&self) -> &ByteString {
        &self.0
    }

    /// What is between the slashes.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        segments(&self.0)
    }

    /// Whether the destination is below `prefix`, which has no slash at its end: `/topic/a` is below `/topic`.
    pub fn is_below(&self, prefix: &str) -> bool {
        self.0.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
    }

    /// What is left without a `prefix` that has no slash at its end: `/a` of `/app/a` without `/app`.
    pub fn strip(&self, prefix: &str) -> Option<Self> {
        self.is_below(prefix).then(|| Self(self.0.slice_ref(&self.0[prefix.len()..])))
    }
}

impl DestinationPattern {
    /// Checks a text.
    pub fn parse(text: impl Into<ByteString>) -> Result<Self, DestinationError> {
        let text = text.into();
        check(&text, |segment, last| match segment {
            "*" => Ok(()),
            "**" if last => Ok(()),
            segment if segment.contains('*') => Err(DestinationError::MisplacedWildcard),
            segment => check_literal(segment),
        })?;
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is between the slashes; `*` and `**` are wildcards.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        segments(&self.0)
    }

    /// The only destination that it matches, if it has no wildcard.
    pub fn as_destination(&self) -> Option<Destination> {
        (!self.0.contains('*')).then(|| Destination(self.0.clone()))
    }

    /// Whether `destination` is one of those that are meant.
    pub fn matches(&self, destination: &Destination) -> bool {
        self.reaches(destination.segments())
    }

    /// Whether all that `other` matches is matched by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        self.reaches(other.segments())
    }

    /// Takes a wildcard of the other side for what it is: `*` is one segment that only a wildcard matches.
    fn reaches<'a>(&self, mut theirs: impl Iterator<Item = &'a str>) -> bool {
        for mine in self.segments() {
            let matched = match (mine, theirs.next()) {
                ("**", _) => return true,
                (_, None | Some("**")) => false,
                ("*", Some(_)) => true,
                (mine, Some(their)) => mine == their,
            };
            if !matched {
                return false;
            }
        }
        theirs.next().is_none()
    }

    /// Whether some destination is matched by both.
    pub fn intersects(&self, other: &Self) -> bool {
        let (mut mine, mut theirs) = (self.segments(), other.segments());
        loop {
            match (mine.next(), theirs.next()) {
                (Some("**"), _) | (_, Some("**")) | (None, None) => return true,
                (Some(_), None) | (None, Some(_)) => return false,
                (Some("*"), _) | (_, Some("*")) => {}
                (Some(mine), Some(their)) if mine == their => {}
                _ => return false,
            }
        }
    }
}

/// What takes a text takes a destination.
impl From<Destination> for ByteString {
    fn from(destination: Destination) -> Self {
        destination.0
    }
}

impl From<&Destination> for ByteString {
    fn from(destination: &Destination) -> Self {
        destination.0.clone()
    }
}

impl From<Destination> for DestinationPattern {
    fn from(destination: Destination) -> Self {
        Self(destination.0)
    }
}

fn segments(text: &str) -> impl Iterator<Item = &str> {
    text[1..].split('/')
}

fn check(text: &str, segment: impl Fn(&str, bool) -> Result<(), DestinationError>) -> Result<(), DestinationError> {
    if text.len() > Destination::MAX_LEN {
        return Err(DestinationError::TooLong);
    }
    let mut rest = text.strip_prefix('/').ok_or(DestinationError::NotAbsolute)?.split('/').peekable();
    while let Some(part) = rest.next() {
        segment(part, rest.peek().is_none())?;
    }
    Ok(())
}

fn check_literal(segment: &str) -> Result<(), DestinationError> {
    match segment {
        "" => Err(DestinationError::EmptySegment),
        "." | ".." => Err(DestinationError::DotSegment),
        segment => segment.chars().find(|&c| is_forbidden(c)).map_or(Ok(()), |c| Err(DestinationError::Forbidden(c))),
    }
}

fn is_forbidden(character: char) -> bool {
    character.is_control() || matches!(character, '*' | '#' | '>' | '?' | '[' | ']' | '{' | '}' | '\\' | '%')
}

/// What texts and their checked forms have in common.
macro_rules! text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = DestinationError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text!(Destination DestinationPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> DestinationPattern {
        DestinationPattern::parse(text).unwrap()
    }

    fn destination(text: &str) -> Destination {
        Destination::parse(text).unwrap()
    }

    #[test]
    fn a_destination_has_one_spelling() {
        for good in ["/topic/a", "/topic/chat.general", "/a", "/topic/ä b", "/x/@:!$&'()+,;=~-_"] {
            assert!(Destination::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "topic/a", "/", "//", "/a/", "/a//b", "/a/./b", "/a/../b", "/a/b\0", "/a/\n", "/a/\\b", "/a/%2fb"]
        {
            assert!(Destination::parse(bad).is_err(), "{bad:?}");
        }
        for wildcard in ['*', '#', '>', '?', '[', '{'] {
            let text = format!("/topic/a{wildcard}");
            assert_eq!(Destination::parse(text), Err(DestinationError::Forbidden(wildcard)));
        }
    }

    #[test]
    fn a_destination_has_at_most_512_bytes() {
        assert!(Destination::parse(format!("/{}", "x".repeat(511))).is_ok());
        assert_eq!(Destination::parse(format!("/{}", "x".repeat(512))), Err(DestinationError::TooLong));
    }

    #[test]
    fn wildcards_are_whole_segments_and_the_rest_is_last() {
        for good in ["/topic/*", "/topic/*/x", "/topic/**", "/**", "/*/*"] {
            assert!(DestinationPattern::parse(good).is_ok(), "{good}");
        }
        for bad in ["/topic/a*", "/topic/**/x", "/topic/***", "/topic/?"] {
            assert!(DestinationPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_star_is_one_segment_and_two_are_the_rest() {
        assert!(pattern("/topic/*").matches(&destination("/topic/a")));
        assert!(!pattern("/topic/*").matches(&destination("/topic/a/b")));
        assert!(!pattern("/topic/*").matches(&destination("/topic")));
        assert!(pattern("/topic/**").matches(&destination("/topic/a/b")));
        assert!(pattern("/topic/**").matches(&destination("/topic")));
        assert!(!pattern("/topic/**").matches(&destination("/topics/a")));
        assert!(pattern("/*/x").matches(&destination("/a/x")));
    }

    #[test]
    fn a_pattern_covers_another_when_it_matches_all_that_the_other_does() {
        for (wide, narrow) in [("/**", "/a/**"), ("/a/*", "/a/b"), ("/a/*", "/a/*"), ("/*/*", "/a/*"), ("/a/**", "/a")]
        {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for (narrow, wide) in [("/a/b", "/a/*"), ("/a/*", "/a/**"), ("/*", "/a/b"), ("/a/*/c", "/a/*/*")] {
            assert!(!pattern(narrow).covers(&pattern(wide)), "{narrow} {wide}");
        }
    }

    #[test]
    fn patterns_intersect_when_one_destination_is_matched_by_both() {
        for (one, other) in [("/a/*", "/*/b"), ("/a/**", "/a/b/c"), ("/a/**", "/a"), ("/a/*", "/a/**"), ("/a", "/a")] {
            assert!(pattern(one).intersects(&pattern(other)), "{one} {other}");
            assert!(pattern(other).intersects(&pattern(one)), "{other} {one}");
        }
        for (one, other) in [("/a/*", "/b/*"), ("/a/*", "/a/b/c"), ("/a", "/a/*")] {
            assert!(!pattern(one).intersects(&pattern(other)), "{one} {other}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_slash() {
        assert_eq!(destination("/app/chat/blue").strip("/app"), Some(destination("/chat/blue")));
        assert_eq!(destination("/application/x").strip("/app"), None);
        assert_eq!(destination("/app").strip("/app"), None);
    }
}
