use bytes::Bytes;
use bytestring::ByteString;

/// One message of an application, either way. Cheap to clone: the content is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8 text; the only kind that SockJS can carry.
    Text(ByteString),
    /// Bytes; only plain WebSockets can carry them.
    Binary(Bytes),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<ByteString>) -> Self {
        Self::Text(text.into())
    }

    /// The length of the content in bytes, without any framing.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// True for a message without content; it is still a message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The content as text, or `None` where the bytes are not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(bytes) => simdutf8::basic::from_utf8(bytes).ok(),
        }
    }

    /// The same content as bytes. It is shared, not copied.
    #[must_use]
    pub fn into_binary(self) -> Self {
        match self {
            Self::Text(text) => Self::Binary(text.into_bytes()),
            binary @ Self::Binary(_) => binary,
        }
    }

    /// The content as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl<T: Into<ByteString>> From<T> for Message {
    fn from(text: T) -> Self {
        Self::text(text)
    }
}
