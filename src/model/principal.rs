use bytestring::ByteString;
use serde_json::{Map, Value};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a token says of a principal.
pub type Claims = Map<String, Value>;

/// Who a session belongs to: a unique name, and what is claimed of it. Two are the same when their names are.
///
/// An authenticator makes it on CONNECT; or an application's own authentication puts it into the request
/// (`request.set_data(Principal::new("ada"))`) before the endpoint sees it. Cheap to clone.
#[derive(Clone)]
pub struct Principal {
    name: ByteString,
    claims: Option<Arc<Claims>>,
}

impl Principal {
    /// The principal with this unique name, and no claims.
    pub fn new(name: impl Into<ByteString>) -> Self {
        Self { name: name.into(), claims: None }
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

    /// The claim of this name.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.as_ref()?.get(name)
    }

    /// Whether the claim of this name is this text, or a list or a text of words (as in `scope`) that has it.
    pub fn has(&self, claim: &str, text: &str) -> bool {
        match self.claim(claim) {
            Some(Value::String(words)) => words == text || words.split(' ').any(|word| word == text),
            Some(Value::Array(values)) => values.iter().any(|value| value == text),
            _ => false,
        }
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
    fn a_claim_can_be_a_text_a_text_of_words_or_a_list() {
        let claims = serde_json::from_str(r#"{"role":"admin","scope":"read write","groups":["a","b"],"n":1}"#).unwrap();
        let ada = Principal::new("ada").with_claims(claims);
        for (claim, text) in [("role", "admin"), ("scope", "write"), ("groups", "b")] {
            assert!(ada.has(claim, text), "{claim}");
        }
        for (claim, text) in [("role", "adm"), ("scope", "rea"), ("groups", "c"), ("n", "1"), ("none", "")] {
            assert!(!ada.has(claim, text), "{claim}");
        }
    }

    #[test]
    fn claims_are_not_in_debug_output() {
        let claims = serde_json::from_str(r#"{"secret":"canary"}"#).unwrap();
        assert!(!format!("{:?}", Principal::new("ada").with_claims(claims)).contains("canary"));
    }
}
