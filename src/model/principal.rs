use super::claims::{Claims, claim_has, find_claim};
use bytestring::ByteString;
use serde_json::Value;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Who a session belongs to: a unique name, and what is claimed of it. Two are the same when their names are.
///
/// An authenticator makes it on CONNECT; or an application's own authentication puts it into the request
/// (`request.set_data(Principal::new("ada"))`) before the endpoint sees it. Cheap to clone.
#[derive(Clone)]
pub struct Principal {
    name: ByteString,
    claims: Option<Arc<Claims>>,
}

/// Why nobody can have this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// It is empty.
    Empty,
    /// It has more than [`Principal::MAX_NAME`] bytes.
    TooLong(usize),
    /// It has this control character. Logs and protocols leave such out, or end their lines with it, and two users would
    /// look alike.
    Control(char),
    /// The claim that should be a name is neither a text nor a whole number of at most 64 bits. Other numbers have many
    /// spellings, so that one user could be several; and all would share one of two booleans.
    Kind,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a user's name is not empty"),
            Self::TooLong(len) => {
                write!(f, "a user's name has at most {} bytes, this one has {len}", Principal::MAX_NAME)
            }
            Self::Control(control) => {
                write!(f, "a user's name has no control characters, this one has U+{:04X}", u32::from(*control))
            }
            Self::Kind => f.write_str("a user's name is a text or a whole number"),
        }
    }
}

impl std::error::Error for NameError {}

impl Principal {
    /// The longest name in bytes.
    pub const MAX_NAME: usize = 256;

    /// The principal with this unique name, and no claims.
    ///
    /// For names that the program itself vouches for: nothing of them is looked at here. Whoever has a name that
    /// [`check_name`](Self::check_name) refuses is let in by no endpoint that speaks STOMP.
    pub fn new(name: impl Into<ByteString>) -> Self {
        Self { name: name.into(), claims: None }
    }

    /// The same for a name that came from somewhere else: it has 1 to [`MAX_NAME`](Self::MAX_NAME) bytes and no control
    /// characters.
    pub fn parse(name: impl Into<ByteString>) -> Result<Self, NameError> {
        let principal = Self::new(name);
        principal.check_name().map(|()| principal)
    }

    /// The same for a claim that names its user: a text, or a whole number, whose JSON text is the name.
    pub fn of_claim(claim: &Value) -> Result<Self, NameError> {
        match claim {
            Value::String(name) => Self::parse(&**name),
            Value::Number(number) if !number.is_f64() => Self::parse(number.to_string()),
            _ => Err(NameError::Kind),
        }
    }

    /// Whether somebody can be called that.
    pub fn check_name(&self) -> Result<(), NameError> {
        match self.name.len() {
            0 => Err(NameError::Empty),
            len if len > Self::MAX_NAME => Err(NameError::TooLong(len)),
            _ => self.name.chars().find(|c| c.is_control()).map_or(Ok(()), |control| Err(NameError::Control(control))),
        }
    }

    /// The same, with these claims.
    #[must_use]
    pub fn with_claims(self, claims: Claims) -> Self {
        Self { claims: Some(Arc::new(claims)), ..self }
    }

    /// The unique name: what sessions are bound to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The unique name, shared.
    pub fn as_text(&self) -> &ByteString {
        &self.name
    }

    /// All claims, if any were made.
    pub fn claims(&self) -> Option<&Claims> {
        self.claims.as_deref()
    }

    /// The claim of this name, or the one that a path such as `realm_access.roles` leads to.
    pub fn claim(&self, path: &str) -> Option<&Value> {
        find_claim(self.claims.as_ref()?, path)
    }

    /// Whether the claim of this name or path is this text, or a list or a text of words (as in `scope`) that has it. Numbers
    /// and booleans are compared by their JSON text: 4711, true.
    pub fn has(&self, claim: &str, text: &str) -> bool {
        self.claim(claim).is_some_and(|claim| claim_has(claim, text))
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Principal {}

impl Hash for Principal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Claims are nobody's business but the application's: logs have the name alone.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Principal").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_can_be_a_text_a_text_of_words_a_list_or_below_another() {
        let claims = r#"{"role":"admin","scope":"read write","groups":["a","b"],"n":1,"realm":{"roles":["x"]}}"#;
        let ada = Principal::new("ada").with_claims(serde_json::from_str(claims).unwrap());
        for (claim, text) in [("role", "admin"), ("scope", "write"), ("groups", "b"), ("n", "1"), ("realm.roles", "x")]
        {
            assert!(ada.has(claim, text), "{claim}");
        }
        for (claim, text) in [("role", "adm"), ("scope", "rea"), ("groups", "c"), ("n", "2"), ("none", "")] {
            assert!(!ada.has(claim, text), "{claim}");
        }
    }

    #[test]
    fn nobody_is_called_nothing_too_much_or_what_ends_a_line() {
        for good in ["ada", "Ada Lovelace", "CORP\\ada", "\u{202e}ada", &"x".repeat(256)] {
            assert!(Principal::parse(good).is_ok(), "{good}");
        }
        assert_eq!(Principal::parse("").err(), Some(NameError::Empty));
        assert_eq!(Principal::parse("x".repeat(257)).err(), Some(NameError::TooLong(257)));
        for control in ['\0', '\n', '\r', '\t', '\x1b', '\x7f', '\u{85}'] {
            assert_eq!(Principal::parse(format!("a{control}da")).err(), Some(NameError::Control(control)));
        }
        assert!(NameError::Control('\r').to_string().ends_with("U+000D"));
    }

    #[test]
    fn a_whole_number_can_be_a_name_and_what_has_many_spellings_or_is_shared_cannot() {
        use serde_json::json;
        let name = |claim: Value| Principal::of_claim(&claim).map(|principal| principal.name().to_owned());
        for (claim, expected) in [
            (json!("ada"), "ada"),
            (json!(4711), "4711"),
            (json!(-1), "-1"),
            (json!(9_007_199_254_740_993u64), "9007199254740993"),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(name(claim).as_deref(), Ok(expected));
        }
        let beyond_64_bits = serde_json::from_str("18446744073709551616").unwrap();
        for claim in [json!(1.0), json!(1e3), beyond_64_bits, json!(true), json!(null), json!(["a"]), json!({})] {
            assert_eq!(name(claim.clone()), Err(NameError::Kind), "{claim}");
        }
        assert_eq!(name(json!("a\nb")), Err(NameError::Control('\n')));
    }

    #[test]
    fn claims_are_not_in_debug_output() {
        let claims = serde_json::from_str(r#"{"secret":"canary"}"#).unwrap();
        assert!(!format!("{:?}", Principal::new("ada").with_claims(claims)).contains("canary"));
    }
}
