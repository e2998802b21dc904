//! SockJS as a client reads it (sockjs-protocol 0.3.3), sans-IO.

use bytes::Bytes;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// `o`
    Open,
    /// `h`, and the many of them that go ahead of a stream.
    Heartbeat,
    /// `a[...]`
    Messages(Vec<Bytes>),
    /// `c[code,"reason"]`
    Close(u16, String),
}

/// Reads a frame.
pub fn parse(frame: &str) -> Result<Frame, &'static str> {
    let broken = |_| "what comes is not SockJS";
    match frame.as_bytes().first() {
        Some(b'o') => Ok(Frame::Open),
        Some(b'h') => Ok(Frame::Heartbeat),
        Some(b'a') => {
            let items: Vec<String> = serde_json::from_str(&frame[1..]).map_err(broken)?;
            Ok(Frame::Messages(items.into_iter().map(Bytes::from).collect()))
        }
        // One message without its array, which the protocol allows too.
        Some(b'm') => {
            serde_json::from_str(&frame[1..]).map(|item: String| Frame::Messages(vec![item.into()])).map_err(broken)
        }
        Some(b'c') => {
            serde_json::from_str(&frame[1..]).map(|(code, reason)| Frame::Close(code, reason)).map_err(broken)
        }
        _ => Err("what comes is not SockJS"),
    }
}

/// What a client sends for one message: an array of one.
pub fn encode(message: &str) -> String {
    serde_json::Value::from(vec![message]).to_string()
}

/// JavaScript's `decodeURI`, which clients run over the data of SockJS's events: every escape but those of reserved
/// characters. What is no escape stays.
pub fn decode_uri(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        match escaped(rest).filter(|byte| !b";/?:@&=+$,#".contains(byte)) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    Some((digit(*high)? * 16 + digit(*low)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use byway::protocol::sockjs as server;

    #[test]
    fn every_frame_is_read_and_nothing_else_is_one() {
        assert_eq!(parse("o"), Ok(Frame::Open));
        assert_eq!(parse("hhh"), Ok(Frame::Heartbeat));
        assert_eq!(parse(r#"a["a\n","b"]"#), Ok(Frame::Messages(vec!["a\n".into(), "b".into()])));
        assert_eq!(parse(r#"m"a""#), Ok(Frame::Messages(vec!["a".into()])));
        assert_eq!(parse(r#"c[3000,"Go away!"]"#), Ok(Frame::Close(3000, "Go away!".into())));
        for bad in ["", "x", "a", "a[1]", "a[\"", "c[1]", "<html>"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_server_reads_what_is_sent() {
        let message = "a \"quoted\"\n\u{2028} message";
        let parsed = server::parse_array(encode(message).into(), usize::MAX).map(Vec::from_iter);
        assert_eq!(parsed, Ok(vec![message.into()]));
    }

    #[test]
    fn escapes_are_decoded_but_for_reserved_characters_and_broken_ones() {
        assert_eq!(decode_uri("100%25 %0A %c3%a9 %2f %3B % %4 %zz"), "100% \n é %2f %3B % %4 %zz");
    }
}
