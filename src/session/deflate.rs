//! Compressed frames (RFC 7692), made without context takeover so that everyone can share them.

use crate::protocol::websocket::{self, Deflater, Opcode};
use bytes::Bytes;
use std::cell::RefCell;

/// How far back compressed data may refer. Two sizes serve every client, so that a message is compressed at most twice:
/// a client that asked for a smaller window than 15 bits gets 9, which all of them can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// 15 bits: 32 KiB.
    Full,
    /// 9 bits: 512 bytes.
    Small,
}

impl Window {
    /// The larger of the two that a client with this limit can read.
    pub fn at_most(bits: u8) -> Self {
        if bits >= Self::Full.bits() { Self::Full } else { Self::Small }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Full => 15,
            Self::Small => 9,
        }
    }
}

/// Messages under this many bytes are sent as they are: they hardly shrink, and each compression costs microseconds.
const MIN_DEFLATED: usize = 512;

thread_local! {
    // A deflater is some 300 KB, so a thread makes one of each size when it is first needed.
    static FULL: RefCell<Option<Deflater>> = const { RefCell::new(None) };
    static SMALL: RefCell<Option<Deflater>> = const { RefCell::new(None) };
}

/// One frame, compressed if that makes it smaller.
pub(super) fn encode(window: Window, opcode: Opcode, payload: &[u8]) -> Bytes {
    match compress(window, payload) {
        Some(compressed) => websocket::encode_deflated(opcode, &compressed),
        None => websocket::encode(opcode, payload),
    }
}

fn compress(window: Window, payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() < MIN_DEFLATED {
        return None;
    }
    let deflater = match window {
        Window::Full => &FULL,
        Window::Small => &SMALL,
    };
    deflater.with_borrow_mut(|deflater| deflater.get_or_insert_with(|| Deflater::new(window.bits())).compress(payload))
}
