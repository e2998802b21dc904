use super::{Destination, Headers, Message};
use bytestring::ByteString;

/// A message with the place that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Where it goes.
    pub destination: Destination,
    /// What its publisher says of it, `content-type` among others. The headers that a protocol sets itself are not here.
    pub headers: Headers,
    /// Its content.
    pub body: Message,
}

impl Publication {
    /// A publication without headers.
    pub fn new(destination: Destination, body: impl Into<Message>) -> Self {
        Self { destination, headers: Headers::new(), body: body.into() }
    }

    /// The same, with one header more, or another value for it.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// What the content is, as its publisher says.
    pub fn content_type(&self) -> Option<&str> {
        self.headers.get("content-type").map(|value| &**value)
    }

    /// What it takes of a limit in bytes: content, headers and destination.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.destination.as_str().len() + headers + self.body.len()
    }
}
