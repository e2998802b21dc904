//! A client of Byway and of servers like it: one session over any transport, with STOMP, a feed, or nothing inside.
//!
//! | file | what it knows |
//! |---|---|
//! | `subscription` | [`Subscription`]: messages of one destination, whatever they come by |
//! | `wanted`, `heard` | [`Wanted`]: what to subscribe to; [`Heard`]: what comes of it |
//! | `talk` | [`Talk`]: a STOMP session |
//! | `feed` | a feed as a stream or in polls |
//! | `foreign` | [`ForeignFeed`](foreign::ForeignFeed): a feed of any server, whose URL is taken as it is |
//! | `outlet` | [`Outlet`]: where messages are published by HTTP |
//! | `link` | [`Link`]: one session of a transport, which takes and gives messages |
//! | `dial` | connections, requests, upgrades |
//! | `target` | [`Target`]: where a server is, and when its name has to be said twice |
//! | `failure` | [`Failure`]: why it did not work, and whether trying again can help |
//! | `websocket`, `sockjs`, `stomp`, `events` | the bytes, sans-IO; no code of the server's reads them, so that neither hides the other's mistakes |

mod dial;
mod events;
mod failure;
mod feed;
mod foreign;
mod heard;
mod link;
mod outlet;
mod sockjs;
mod stomp;
mod subscription;
mod talk;
mod target;
mod wanted;
mod websocket;

pub use failure::{Failure, seen};
pub use heard::Heard;
pub use link::{Link, Receiver, Sender};
pub use outlet::{Outlet, Poster};
pub use subscription::Subscription;
pub use talk::{Credentials, Hearing, Talk, send};
pub use target::Target;
pub use wanted::{Beginning, Protocol, Wanted};

/// The largest message, frame or line in bytes that is read of a server.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// What a decoder makes of bytes in two pieces, up to what it refuses.
    fn read<T>(
        pieces: (&[u8], &[u8]),
        mut next: impl FnMut(&[u8]) -> Result<Option<T>, &'static str>,
    ) -> (Vec<T>, Option<&'static str>) {
        let mut read = Vec::new();
        for piece in [pieces.0, pieces.1] {
            let mut piece = piece;
            loop {
                match next(std::mem::take(&mut piece)) {
                    Ok(Some(event)) => read.push(event),
                    Ok(None) => break,
                    Err(error) => return (read, Some(error)),
                }
            }
        }
        (read, None)
    }

    /// Bytes of which each is likely to mean something to one of the decoders.
    fn wire() -> impl Strategy<Value = (Vec<u8>, usize)> {
        let words = [
            "\n",
            "\r",
            "\0",
            ":",
            "\\",
            "MESSAGE",
            "content-length:2",
            "data",
            "id",
            " ",
            "\u{feff}",
            "x",
            "a[\"b\"]",
        ];
        let word = select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
        let frame =
            select(vec![vec![0x81, 1], vec![0x01, 0], vec![0x80, 2], vec![0x89, 0], vec![0x88, 1], vec![0x82, 126, 0]]);
        let byte = any::<u8>().prop_map(|byte| vec![byte]);
        let wire = prop::collection::vec(prop_oneof![4 => word, 3 => frame, 1 => byte], 0..40)
            .prop_map(|parts| parts.concat());
        wire.prop_flat_map(|wire| {
            let end = wire.len();
            (Just(wire), 0..=end)
        })
    }

    proptest! {
        #[test]
        fn nothing_a_server_says_breaks_a_decoder_and_it_means_the_same_however_it_is_cut((wire, cut) in wire()) {
            let (whole, parts) = ((&wire[..], &[][..]), wire.split_at(cut));
            let stomp = |pieces| {
                let mut decoder = stomp::Decoder::default();
                read(pieces, |bytes| { decoder.feed(bytes); decoder.next() })
            };
            prop_assert_eq!(stomp(whole), stomp(parts));
            let websocket = |pieces| {
                let mut decoder = websocket::Decoder::default();
                read(pieces, |bytes| { decoder.input.extend_from_slice(bytes); decoder.next() })
            };
            prop_assert_eq!(websocket(whole), websocket(parts));
            let events = |pieces| {
                let mut events = events::Events::default();
                read(pieces, |bytes| { events.feed(bytes); events.next() })
            };
            prop_assert_eq!(events(whole), events(parts));
            if let Ok(text) = std::str::from_utf8(&wire) {
                sockjs::parse(text).ok();
                sockjs::decode_uri(text);
            }
        }
    }
}
