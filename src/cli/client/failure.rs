use byway::model::is_invisible;
use std::fmt;
use std::time::Duration;

/// Why a session did not come about, or ended. `Display` is one short line without control characters, whatever the server
/// said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: Kind,
    text: String,
    /// How long the server wants to be left alone.
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passing,
    Final,
}

/// How many bytes of a server's words are repeated.
const MAX_TEXT: usize = 300;

impl Failure {
    /// Nobody answers, the connection was lost, or the session was ended: another attempt may go better.
    pub fn passing(text: impl fmt::Display) -> Self {
        Self { kind: Kind::Passing, text: plain(&text.to_string()), retry_after: None }
    }

    /// The server does not want to, or says what cannot be understood: another attempt would be the same.
    pub fn refused(text: impl fmt::Display) -> Self {
        Self { kind: Kind::Final, text: plain(&text.to_string()), retry_after: None }
    }

    /// An answer that is not the one that was asked for. Too many requests, and servers that cannot now, may pass.
    pub fn status(status: http::StatusCode, body: &str) -> Self {
        let text = match body.lines().next().map(str::trim) {
            Some(line) if !line.is_empty() => format!("{status}: {line}"),
            _ => status.to_string(),
        };
        match status.as_u16() {
            408 | 429 | 500..=599 => Self::passing(text),
            _ => Self::refused(text),
        }
    }

    /// The session was ended with a close code (RFC 6455 section 7.4) or SockJS's.
    pub fn ended(code: u16, reason: &str) -> Self {
        Self::passing(format!("ended by the server: {code} {reason}").trim_end())
    }

    /// The same, for a session that was open already: whatever ended it, it can be opened again.
    pub fn of_an_open_session(self) -> Self {
        Self { kind: Kind::Passing, ..self }
    }

    /// The same, with how long the server wants to be left alone.
    pub fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// How long the server wants to be left alone, if it has said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether another attempt would go the same way.
    pub fn is_final(&self) -> bool {
        self.kind == Kind::Final
    }
}

/// One line that a terminal can show: a server's words could hold escape sequences, and names that deceive.
fn plain(text: &str) -> String {
    let short = &text[..text.floor_char_boundary(MAX_TEXT)];
    let shown = |c: char| if c.is_control() { ' ' } else { seen(c) };
    short.chars().map(shown).collect()
}

/// A character, or what says that there is one that is not seen.
pub fn seen(character: char) -> char {
    if is_invisible(character) { char::REPLACEMENT_CHARACTER } else { character }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::passing(error)
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        match std::error::Error::source(&error) {
            Some(cause) => Self::passing(format!("{error}: {cause}")),
            None => Self::passing(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[test]
    fn a_server_that_cannot_now_may_later_and_one_that_does_not_want_to_will_not() {
        for status in [429, 500, 503] {
            assert!(!Failure::status(StatusCode::from_u16(status).unwrap(), "").is_final(), "{status}");
        }
        for status in [200, 400, 401, 403, 404] {
            assert!(Failure::status(StatusCode::from_u16(status).unwrap(), "").is_final(), "{status}");
        }
    }

    #[test]
    fn the_server_s_words_are_one_short_line_that_a_terminal_can_show() {
        let failure = Failure::status(StatusCode::FORBIDDEN, "\x1b[2Jno\r\nmore");
        assert_eq!(failure.to_string(), "403 Forbidden:  [2Jno");
        assert!(Failure::passing("é".repeat(1000)).to_string().len() <= MAX_TEXT);
    }
}
