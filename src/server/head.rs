//! The head of an answer that is sent without hyper (RFC 9112), and how its body is framed. Sans-IO.

use crate::model::fields;
use http::{HeaderMap, StatusCode, Version, header};
use std::fmt::Display;
use std::time::SystemTime;

/// What the answer's head depends on in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    version: Version,
    keep_alive: bool,
}

/// How a body's end is found (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// Behind this many bytes.
    Length(usize),
    /// Behind its last, empty chunk.
    Chunk,
    /// Where the connection ends.
    Close,
}

/// A head, but for what is known only when it is sent.
#[derive(Debug)]
pub(super) struct Head {
    status: StatusCode,
    fields: Vec<u8>,
    asked: Asked,
}

impl Asked {
    /// Reads a request's version, and what it says of the connection (RFC 9112, section 9.3).
    pub(super) fn by<B>(request: &http::Request<B>) -> Self {
        let version = request.version();
        let listed = |token| fields::has_token(request.headers(), header::CONNECTION, token);
        let keep_alive = !listed("close") && (version >= Version::HTTP_11 || listed("keep-alive"));
        Self { version, keep_alive }
    }
}

impl Head {
    /// A head without the fields that belong to the connection, and without its end.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, asked: Asked) -> Self {
        let mut head = Self { status, fields: Vec::new(), asked };
        head.complete(status, headers);
        head
    }

    /// Takes in what was not known before: the status, and more fields.
    pub(super) fn complete(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = status;
        self.asked.keep_alive &= !fields::has_token(headers, header::CONNECTION, "close");
        let of_connection = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::DATE];
        for (name, value) in headers.iter().filter(|(name, _)| !of_connection.contains(name)) {
            self.field(name, value.as_bytes());
        }
    }

    /// How a body of unknown length ends: HTTP/1.0 knows no chunks.
    pub(super) fn end_of_stream(&self) -> BodyEnd {
        if self.asked.version < Version::HTTP_11 { BodyEnd::Close } else { BodyEnd::Chunk }
    }

    /// The whole head, and whether the connection can be used again behind the body; not when it is `last`.
    pub(super) fn finish(mut self, end: BodyEnd, last: bool) -> (Vec<u8>, bool) {
        let keep_alive = self.asked.keep_alive && !last && end != BodyEnd::Close;
        match end {
            // RFC 9110, section 8.6.
            BodyEnd::Length(_) if self.status == StatusCode::NO_CONTENT => {}
            BodyEnd::Length(length) => self.field(header::CONTENT_LENGTH, length.to_string().as_bytes()),
            BodyEnd::Chunk => self.field(header::TRANSFER_ENCODING, b"chunked"),
            BodyEnd::Close => {}
        }
        match (keep_alive, self.asked.version < Version::HTTP_11) {
            (true, true) => self.field(header::CONNECTION, b"keep-alive"),
            (false, false) => self.field(header::CONNECTION, b"close"),
            _ => {}
        }
        self.field(header::DATE, httpdate::fmt_http_date(SystemTime::now()).as_bytes());
        let version = if self.asked.version < Version::HTTP_11 { "HTTP/1.0" } else { "HTTP/1.1" };
        let reason = self.status.canonical_reason().unwrap_or_default();
        let line = format!("{version} {} {reason}\r\n", self.status.as_str());
        ([line.as_bytes(), &self.fields, b"\r\n"].concat(), keep_alive)
    }

    fn field(&mut self, name: impl Display, value: &[u8]) {
        self.fields.extend_from_slice(format!("{name}: ").as_bytes());
        self.fields.extend_from_slice(value);
        self.fields.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Request};

    fn asked(version: Version, connection: &str) -> Asked {
        let request = Request::builder().version(version).header("Connection", connection).body(()).unwrap();
        Asked::by(&request)
    }

    fn head(asked: Asked, headers: &[(&'static str, &'static str)], end: BodyEnd, last: bool) -> (Vec<String>, bool) {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        let (head, keep_alive) = Head::new(StatusCode::OK, &headers.collect(), asked).finish(end, last);
        let head = String::from_utf8(head).unwrap();
        let lines = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n").filter(|line| !line.starts_with("date: "));
        (lines.map(str::to_owned).collect(), keep_alive)
    }

    #[test]
    fn a_connection_is_kept_as_its_version_and_its_request_say() {
        for (version, connection, kept) in [
            (Version::HTTP_11, "", true),
            (Version::HTTP_11, "Close", false),
            (Version::HTTP_11, "foo, close", false),
            (Version::HTTP_10, "", false),
            (Version::HTTP_10, "foo, Keep-Alive", true),
            (Version::HTTP_10, "keep-alive, close", false),
        ] {
            assert_eq!(asked(version, connection).keep_alive, kept, "{version:?} {connection:?}");
        }
    }

    #[test]
    fn an_answer_says_what_its_client_would_not_assume() {
        let length = BodyEnd::Length(3);
        let (new, old) = (asked(Version::HTTP_11, ""), asked(Version::HTTP_10, "keep-alive"));
        for (asked, end, last, lines, kept) in [
            (new, length, false, &["HTTP/1.1 200 OK", "content-length: 3"][..], true),
            (new, BodyEnd::Chunk, false, &["HTTP/1.1 200 OK", "transfer-encoding: chunked"], true),
            (new, length, true, &["HTTP/1.1 200 OK", "content-length: 3", "connection: close"], false),
            (old, length, false, &["HTTP/1.0 200 OK", "content-length: 3", "connection: keep-alive"], true),
            (old, length, true, &["HTTP/1.0 200 OK", "content-length: 3"], false),
            (old, BodyEnd::Close, false, &["HTTP/1.0 200 OK"], false),
        ] {
            let (found, keep_alive) = head(asked, &[], end, last);
            assert_eq!((found.iter().map(String::as_str).collect::<Vec<_>>(), keep_alive), (lines.to_vec(), kept));
        }
    }

    #[test]
    fn what_is_known_later_of_an_answer_stands_behind_what_was_known_before() {
        let early = HeaderMap::from_iter([("a".parse().unwrap(), HeaderValue::from_static("1"))]);
        let late = HeaderMap::from_iter([("b".parse().unwrap(), HeaderValue::from_static("2"))]);
        let mut head = Head::new(StatusCode::OK, &early, asked(Version::HTTP_11, ""));
        head.complete(StatusCode::NO_CONTENT, &late);
        let (head, keep_alive) = head.finish(BodyEnd::Length(0), false);
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 204 No Content\r\na: 1\r\nb: 2\r\ndate: "), "{head}");
        assert!(keep_alive);
    }

    #[test]
    fn an_application_s_fields_are_sent_but_for_those_that_frame_the_body() {
        let asked = asked(Version::HTTP_11, "");
        let fields = [("a", "1"), ("content-length", "7"), ("transfer-encoding", "gzip"), ("connection", "close")];
        let (lines, keep_alive) = head(asked, &fields, BodyEnd::Length(0), false);
        assert_eq!(lines, ["HTTP/1.1 200 OK", "a: 1", "content-length: 0", "connection: close"]);
        assert!(!keep_alive, "that it wants the connection closed is heard");
    }
}
