//! The answer to `GET /info`.

use serde::Serialize;

/// What a client learns before it chooses a transport.
#[derive(Debug, Serialize)]
pub struct Info<'a> {
    /// Whether the WebSocket URLs answer.
    pub websocket: bool,
    /// Always `["*:*"]`; kept for old clients. The Origin policy decides, not this.
    pub origins: [&'static str; 1],
    /// Whether the client must send cookies (for load balancers that stick by cookie).
    pub cookie_needed: bool,
    /// A fresh random number, for clients without a good source of their own.
    pub entropy: u32,
    /// Where the client sends everything that follows, instead of the URL that it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<&'a str>,
}

impl Info<'_> {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and booleans always serialize")
    }
}
