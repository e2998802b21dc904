//! The name of the function that `jsonp` and `htmlfile` answers call.

use std::borrow::Cow;
use std::fmt;

/// Why a callback was refused. `Display` is the body of the 500 answer that sockjs-node gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackError {
    /// Neither `c` nor `callback` in the query, or an empty one.
    Missing,
    /// A character outside `[A-Za-z0-9_.-]`, or too long.
    Invalid,
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "\"callback\" parameter required",
            Self::Invalid => "invalid \"callback\" parameter",
        })
    }
}

/// The longest callback that is taken, in characters. sockjs-client sends 11.
pub const MAX_CALLBACK: usize = 32;

/// Takes the callback from a request's query string: `c`, else `callback`.
pub fn callback(query: &str) -> Result<String, CallbackError> {
    let name = parameter(query, "c").or_else(|| parameter(query, "callback")).ok_or(CallbackError::Missing)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match name.len() <= MAX_CALLBACK && name.chars().all(allowed) {
        true => Ok(name.into_owned()),
        false => Err(CallbackError::Invalid),
    }
}

fn parameter<'a>(query: &'a str, wanted: &str) -> Option<Cow<'a, str>> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_comes_before_callback_and_is_percent_decoded() {
        assert_eq!(callback("t=1&callback=b&c=%63allback"), Ok("callback".into()));
        assert_eq!(callback("callback=_jp.a-1"), Ok("_jp.a-1".into()));
    }

    #[test]
    fn an_absent_or_empty_callback_is_missing() {
        for query in ["", "c", "c=", "t=1", "callback="] {
            assert_eq!(callback(query), Err(CallbackError::Missing), "{query}");
        }
    }

    #[test]
    fn a_callback_that_could_be_script_is_invalid() {
        for name in ["a(b", "a;b", "%3Cscript%3E", "a%0Ab", "a%20b", "é", &"x".repeat(33)] {
            assert_eq!(callback(&format!("c={name}")), Err(CallbackError::Invalid), "{name}");
        }
    }
}
