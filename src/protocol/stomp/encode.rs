//! Frames that leave. What a MESSAGE has in common for all its receivers of a version is written once.

use super::header::{Part, escape, escaped_len, is_reserved};
use super::{Connect, Headers, Version};
use crate::model::Message;
use bytes::Bytes;

/// The server's heartbeat: an EOL between frames (STOMP 1.1 and 1.2, "Heart-beating").
pub const HEARTBEAT: &str = "\n";

/// What CONNECTED says of the server: a name, and no version for attackers to look up.
const SERVER: &str = "byway";

const COMMAND: &str = "MESSAGE\n";

/// The part of a MESSAGE that all receivers of one version share: destination, user headers, `content-length` and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    version: Version,
    content: Message,
}

/// The part of a MESSAGE that depends on its receiver. Receivers with the same form share the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form<'a> {
    /// The `subscription` header: [`SubscriptionId::header`](super::SubscriptionId::header).
    pub subscription: Option<&'a str>,
    /// The `message-id` header: unique on the connection.
    pub message_id: &'a str,
    /// The `ack` header, which 1.2 demands where the ack mode is not auto.
    pub ack: Option<&'a str>,
}

impl Tail {
    /// Encodes what is shared. Headers that mean the frame itself are left out of `headers`; `content-length` is always
    /// there, so that any body can be read.
    ///
    /// 1.0 has no escapes: LF in headers, and colons in their names, are lost there, as CR is before 1.2 and NUL always.
    pub fn new(version: Version, destination: &str, headers: &Headers, body: &Message) -> Self {
        let head = tail_head(version, destination, headers, body.len());
        let content = match body {
            Message::Text(text) => Message::text(join(head, text)),
            Message::Binary(bytes) => match simdutf8::basic::from_utf8(bytes) {
                Ok(text) => Message::text(join(head, text)),
                Err(_) => Message::Binary(join_bytes(head, bytes)),
            },
        };
        Self { version, content }
    }

    /// The whole MESSAGE (STOMP 1.2, "MESSAGE") in one allocation of its exact size. It is text where the body is UTF-8.
    pub fn message(&self, form: &Form<'_>) -> Message {
        let own = [("subscription", form.subscription), ("message-id", Some(form.message_id)), ("ack", form.ack)];
        let len = |(name, value): &(&str, Option<&str>)| value.map_or(0, |value| header_len(name, value, self.version));
        let size = COMMAND.len() + own.iter().map(len).sum::<usize>() + self.content.len();
        let mut head = String::with_capacity(size);
        head.push_str(COMMAND);
        for (name, value) in own {
            if let Some(value) = value {
                push_header(&mut head, name, value, self.version);
            }
        }
        match &self.content {
            Message::Text(tail) => {
                head.push_str(tail);
                Message::text(head)
            }
            Message::Binary(tail) => {
                let mut frame = head.into_bytes();
                frame.extend_from_slice(tail);
                Message::Binary(frame.into())
            }
        }
    }
}

fn tail_head(version: Version, destination: &str, headers: &Headers, body: usize) -> String {
    let mut head = String::new();
    push_header(&mut head, "destination", destination, version);
    for (name, value) in headers.iter().filter(|(name, _)| !is_reserved(name)) {
        push_header(&mut head, name, value, version);
    }
    push_header(&mut head, "content-length", &body.to_string(), version);
    head.push('\n');
    head
}

fn join(mut head: String, body: &str) -> String {
    head.reserve_exact(body.len() + 1);
    head.push_str(body);
    head.push('\0');
    head
}

fn join_bytes(head: String, body: &[u8]) -> Bytes {
    let mut tail = head.into_bytes();
    tail.reserve_exact(body.len() + 1);
    tail.extend_from_slice(body);
    tail.push(0);
    tail.into()
}

/// CONNECTED (STOMP 1.2, "CONNECTED Frame"), without escapes. 1.0 knows no more than the session.
pub(super) fn connected(connect: &Connect, session: &str, user: Option<&str>) -> Message {
    let mut frame = String::from("CONNECTED\n");
    let mut push = |name, value: &str| push_header(&mut frame, name, value, Version::V1_0);
    if connect.version > Version::V1_0 {
        let (sends, wants) = connect.heartbeat.announced;
        push("version", connect.version.as_str());
        push("heart-beat", &format!("{sends},{wants}"));
        push("server", SERVER);
    }
    push("session", session);
    if let Some(user) = user {
        push("user-name", user);
    }
    frame.push_str("\n\0");
    Message::text(frame)
}

/// RECEIPT (STOMP 1.2, "RECEIPT"), as text.
pub fn receipt(version: Version, id: &str) -> Message {
    let mut frame = String::from("RECEIPT\n");
    push_header(&mut frame, "receipt-id", id, version);
    frame.push_str("\n\0");
    Message::text(frame)
}

/// Ends a frame's head and appends a body of text.
pub(super) fn push_text_body(frame: &mut String, body: &str) {
    push_header(frame, "content-type", "text/plain", Version::V1_0);
    push_header(frame, "content-length", &body.len().to_string(), Version::V1_0);
    frame.push('\n');
    frame.push_str(body);
    frame.push('\0');
}

pub(super) fn push_header(out: &mut String, name: &str, value: &str, version: Version) {
    escape(out, name, version, Part::Name);
    out.push(':');
    escape(out, value, version, Part::Value);
    out.push('\n');
}

fn header_len(name: &str, value: &str, version: Version) -> usize {
    escaped_len(name, version, Part::Name) + escaped_len(value, version, Part::Value) + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form<'_> = Form { subscription: Some("sub-0"), message_id: "m:1", ack: None };

    fn message(version: Version, headers: &[(&'static str, &'static str)], body: Message, form: &Form<'_>) -> Message {
        let headers = headers.iter().copied().collect();
        Tail::new(version, "/topic/a", &headers, &body).message(form)
    }

    #[test]
    fn a_message_is_written_byte_for_byte_in_each_version() {
        for (version, expected) in [
            (
                Version::V1_2,
                "MESSAGE\nsubscription:sub-0\nmessage-id:m\\c1\nack:7\ndestination:/topic/a\na\\cb:c\\rd\\n\\\\\ncontent-length:3\n\nhé\0",
            ),
            (
                Version::V1_1,
                "MESSAGE\nsubscription:sub-0\nmessage-id:m\\c1\nack:7\ndestination:/topic/a\na\\cb:cd\\n\\\\\ncontent-length:3\n\nhé\0",
            ),
            (
                Version::V1_0,
                "MESSAGE\nsubscription:sub-0\nmessage-id:m:1\nack:7\ndestination:/topic/a\nab:cd\\\ncontent-length:3\n\nhé\0",
            ),
        ] {
            let form = Form { ack: Some("7"), ..FORM };
            assert_eq!(message(version, &[("a:b", "c\rd\n\\")], "hé".into(), &form), Message::text(expected));
        }
    }

    #[test]
    fn a_subscription_without_an_id_has_no_header() {
        let form = Form { subscription: None, ..FORM };
        let expected = "MESSAGE\nmessage-id:m:1\ndestination:/topic/a\ncontent-length:0\n\n\0";
        assert_eq!(message(Version::V1_0, &[], "".into(), &form), Message::text(expected));
    }

    #[test]
    fn headers_that_mean_the_frame_itself_are_left_out() {
        let forged = [("message-id", "x"), ("content-length", "9"), ("subscription", "x"), ("content-type", "a/b")];
        let expected = "MESSAGE\nsubscription:sub-0\nmessage-id:m\\c1\ndestination:/topic/a\ncontent-type:a/b\ncontent-length:1\n\nx\0";
        assert_eq!(message(Version::V1_2, &forged, "x".into(), &FORM), Message::text(expected));
    }

    #[test]
    fn bytes_are_binary_only_where_they_are_no_text() {
        let body = |bytes: &'static [u8]| Message::Binary(Bytes::from_static(bytes));
        assert!(matches!(message(Version::V1_2, &[], body(b"text"), &FORM), Message::Text(_)));
        let Message::Binary(frame) = message(Version::V1_2, &[], body(b"\xff\0"), &FORM) else { panic!("text") };
        assert!(frame.ends_with(b"content-length:2\n\n\xff\0\0"));
    }

    #[test]
    fn a_message_has_no_spare_room() {
        for body in [Message::text("body"), Message::Binary(Bytes::from_static(b"\xff"))] {
            let frame = match message(Version::V1_2, &[("a", "b")], body, &FORM) {
                Message::Text(text) => text.into_bytes(),
                Message::Binary(bytes) => bytes,
            };
            let len = frame.len();
            assert_eq!(frame.try_into_mut().unwrap().capacity(), len);
        }
    }
}
