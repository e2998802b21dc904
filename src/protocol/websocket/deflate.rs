//! permessage-deflate without context takeover (RFC 7692 section 7.2): each message is a deflate
//! stream of its own.

use super::Error;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

/// What ends every flushed deflate stream, and is left out on the wire (RFC 7692 section 7.2.1).
const TRAILER: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The trailer, put back (RFC 7692 section 7.2.2), and an empty final block after it: the stream
/// ends there exactly if the message did not stop inside a block.
const END: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];

/// Bytes inflated at a time: how far a bomb gets past the limit before it is noticed.
const BLOCK: usize = 4096;

/// Whether messages may come compressed, as the handshake agreed
/// ([`handshake::Deflate`](super::handshake::Deflate)).
///
/// There is no window size: each message is inflated with the largest one, which reads them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// A frame with RSV1 set is refused. The default.
    #[default]
    None,
    /// permessage-deflate with `client_no_context_takeover` (RFC 7692).
    Deflate,
}

/// Inflates one message while it arrives. It holds tens of KiB and is made in under a microsecond,
/// so it lives only as long as the message.
#[derive(Debug)]
pub(super) struct Inflater {
    stream: Decompress,
    fed: bool,
}

impl Inflater {
    /// What one takes: its window and its tables.
    pub(super) const BYTES: usize = 48 * 1024;

    pub(super) fn new() -> Self {
        Self { stream: Decompress::new(false), fed: false }
    }

    /// Gives `sink` what `wire` inflates to, block by block; an error of `sink` ends it.
    pub(super) fn push(&mut self, wire: &[u8], sink: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        self.fed |= !wire.is_empty();
        self.inflate(wire, sink).map(drop)
    }

    /// Gives `sink` the last bytes of the message, and refuses one that is cut short.
    pub(super) fn finish(mut self, sink: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        // zlib gives no bytes at all when an empty message is flushed twice, and peers send that.
        if !self.fed {
            return Ok(());
        }
        match self.inflate(&END, sink)? {
            Status::StreamEnd => Ok(()),
            Status::Ok | Status::BufError => Err(Error::Deflate),
        }
    }

    fn inflate(&mut self, mut wire: &[u8], mut sink: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<Status, Error> {
        let mut block = [0; BLOCK];
        loop {
            let (read, written, status) = self.step(wire, &mut block);
            // Before the error, so that what is refused first does not depend on the blocks.
            sink(&block[..written])?;
            let status = status?;
            wire = &wire[read..];
            if status == Status::StreamEnd && !wire.is_empty() {
                // A block was marked as the last one; another stream may follow (section 7.2.3.4).
                self.stream.reset(false);
            } else if written < BLOCK {
                return if wire.is_empty() { Ok(status) } else { Err(Error::Deflate) };
            }
        }
    }

    /// One call of zlib: bytes read, bytes written, and how it went.
    fn step(&mut self, wire: &[u8], block: &mut [u8]) -> (usize, usize, Result<Status, Error>) {
        let (read, written) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(wire, block, FlushDecompress::Sync);
        (
            (self.stream.total_in() - read) as usize,
            (self.stream.total_out() - written) as usize,
            status.map_err(|_| Error::Deflate),
        )
    }
}

/// Compresses messages, one at a time and each on its own, so that the bytes suit every connection
/// that negotiated this window (RFC 7692 section 7.2.1).
///
/// It holds about 320 KiB (190 KiB with the smallest window) and is meant to be kept and used
/// again, not to belong to a connection.
#[derive(Debug)]
pub struct Deflater {
    stream: Compress,
}

impl Deflater {
    /// A compressor whose window is `1 << window_bits` bytes: 9 to 15, as
    /// [`Deflate::server_window_bits`](super::handshake::Deflate::server_window_bits) says.
    ///
    /// # Panics
    /// When `window_bits` is not in 9..=15.
    #[must_use]
    pub fn new(window_bits: u8) -> Self {
        let level = flate2::Compression::fast();
        Self { stream: Compress::new_with_window_bits(level, false, window_bits) }
    }

    /// The payload for [`encode_deflated`](super::encode_deflated), or `None` when compression does
    /// not make `payload` smaller.
    pub fn compress(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        self.stream.reset();
        // Room for whatever the payload becomes: zlib-rs 0.6.8 panics when the buffer is full at the wrong moment.
        let mut wire = Vec::with_capacity(bound(payload.len()));
        self.stream.compress_vec(payload, &mut wire, FlushCompress::Sync).ok()?;
        if wire.len() == wire.capacity() || !wire.ends_with(&TRAILER) {
            return None;
        }
        wire.truncate(wire.len() - TRAILER.len());
        (wire.len() < payload.len()).then_some(wire)
    }
}

/// More bytes than a payload of this length can ever become: a quarter of it and some for the blocks' heads.
fn bound(len: usize) -> usize {
    len + len / 4 + 256
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};

    /// "Hello" as RFC 7692 section 7.2.3.1 compresses it.
    const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

    fn inflate(wire: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let mut sink = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        let mut inflater = Inflater::new();
        for byte in wire {
            inflater.push(&[*byte], &mut sink)?;
        }
        inflater.finish(&mut sink)?;
        Ok(out)
    }

    /// Text whose compressed form is nearly as large as itself made zlib-rs panic in too small a buffer.
    #[test]
    fn payloads_of_any_size_and_redundancy_are_compressed_without_a_panic() {
        let mut deflater = Deflater::new(15);
        for (len, letters) in (500..100_000).step_by(1777).flat_map(|len| [(len, 2), (len, 60), (len, 256)]) {
            let noise = (0..).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32);
            let payload: Vec<u8> = noise.map(|n| (n % letters) as u8).take(len).collect();
            if let Some(wire) = deflater.compress(&payload) {
                assert_eq!(inflate(&wire).unwrap(), payload);
            }
        }
    }

    #[test]
    fn the_examples_of_the_rfc_inflate_to_hello() {
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let two_blocks = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        for wire in [&HELLO[..], &stored, &last, &two_blocks] {
            assert_eq!(inflate(wire).as_deref(), Ok(&b"Hello"[..]), "{wire:02x?}");
        }
    }

    #[test]
    fn an_empty_message_is_one_zero_byte_or_none() {
        assert_eq!(inflate(&[0x00]), Ok(Vec::new()));
        assert_eq!(inflate(&[]), Ok(Vec::new()));
    }

    #[test]
    fn a_message_that_stops_inside_a_block_is_refused() {
        for len in 1..HELLO.len() - 1 {
            assert_eq!(inflate(&HELLO[..len]), Err(Error::Deflate), "{len} bytes");
        }
        assert_eq!(inflate(&[0x00, 0x0f, 0x00, 0xf0, 0xff, 0x48]), Err(Error::Deflate));
    }

    #[test]
    fn what_is_not_deflate_is_refused() {
        assert_eq!(inflate(&[0xff; 8]), Err(Error::Deflate));
        assert_eq!(inflate(&[0x06]), Err(Error::Deflate));
    }

    #[test]
    fn a_sink_that_is_full_stops_a_bomb_within_one_block() {
        let bomb = Deflater::new(15).compress(&vec![0; 1 << 20]).unwrap();
        let mut taken = 0;
        let full = Inflater::new().push(&bomb, |bytes| {
            taken += bytes.len();
            if taken > 10_000 { Err(Error::MessageTooBig) } else { Ok(()) }
        });
        assert_eq!(full, Err(Error::MessageTooBig));
        assert!(taken <= 10_000 + BLOCK);
    }

    #[test]
    fn what_is_compressed_inflates_to_itself_with_every_window() {
        let text = "the quick brown fox ".repeat(2000);
        for bits in 9..=15 {
            let mut deflater = Deflater::new(bits);
            for _ in 0..2 {
                let wire = deflater.compress(text.as_bytes()).unwrap();
                assert!(wire.len() < text.len() / 10);
                assert_eq!(inflate(&wire).as_deref(), Ok(text.as_bytes()));
            }
        }
    }

    #[test]
    fn what_does_not_become_smaller_is_left_alone() {
        let mut deflater = Deflater::new(15);
        assert_eq!(deflater.compress(b""), None);
        assert_eq!(deflater.compress(b"Hello"), None);
        let noise: Vec<u8> = (0..200).flat_map(|n: u32| Sha1::digest(n.to_le_bytes())).collect();
        assert_eq!(deflater.compress(&noise), None);
    }
}
