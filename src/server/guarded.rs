//! The stream that hyper reads from and writes to, or nobody but us while a response is held.

use super::ServerSettings;
use super::deadline::Progress;
use super::framing::Framing;
use super::stall::StallGuard;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream whose requests are framed beyond doubt, and whose peer takes what it is sent.
pub(super) struct Guarded<S> {
    stream: StallGuard<S>,
    framing: Framing,
    progress: Progress,
    /// Read and looked at, but not handed out.
    unread: Vec<u8>,
    /// A request was refused: nothing behind it is looked at, and hyper gets this instead, then an end.
    refused: Option<&'static [u8]>,
    /// Everything is said, and the peer is still listened to until then.
    lingering: Option<Pin<Box<Sleep>>>,
}

/// How long a peer that is in the middle of a request is listened to behind the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// How many bytes a peer may send ahead of an answer that it waits for; any more stay in its socket.
const READ_AHEAD: usize = 4096;

/// The least that hyper takes for a head.
pub(super) const MIN_BUFFER: usize = 8192;

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, settings: &ServerSettings) -> Self {
        let framing = Framing::new(settings.max_head_bytes.max(MIN_BUFFER));
        let stream = StallGuard::new(stream, settings.write_timeout);
        Self { stream, framing, progress: Progress::default(), unread: Vec::new(), refused: None, lingering: None }
    }

    /// What the peer is waited for to send.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// True while the peer takes no more of what was written.
    pub(super) fn stuck(&self) -> Arc<AtomicBool> {
        self.stream.stuck()
    }

    /// Waits once more for a peer that took nothing for too long.
    pub(super) fn wait_again(&mut self) {
        self.stream.wait_again();
    }

    /// Takes back what was handed out and not used. Copied, because it may be the end of a large buffer.
    pub(super) fn take_back(&mut self, bytes: &[u8]) {
        self.unread.splice(..0, bytes.iter().copied());
    }

    /// The stream itself, and what was read from it and not handed out.
    pub(super) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream.into_inner(), self.unread)
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// Ready when the peer has left. What it sends meanwhile is kept; behind the limit of that, and behind a request that
    /// is refused, nothing is read, and so nobody notices that the peer leaves.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ahead = [0; 512];
        while self.refused.is_none() && self.unread.len() < READ_AHEAD {
            let mut buf = ReadBuf::new(&mut ahead);
            match ready!(self.poll_stream(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.unread.extend_from_slice(buf.filled()),
                _ => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Reads from the stream, as far as what it brings is in order.
    fn poll_stream(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(rest) = self.refused {
            self.put_refusal(rest, buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if let Err((at, _)) = self.framing.feed(&buf.filled()[before..]) {
            buf.set_filled(before + at);
            self.put_refusal(REFUSED, buf);
        }
        self.progress.set(self.framing.awaits());
        Poll::Ready(Ok(()))
    }

    /// Reads and discards until the peer closes or the time is over. To close with input unread would reset the
    /// connection, and the reset could destroy the answer on its way (RFC 9112, section 9.6).
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let over = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut discarded = [0; 1024];
        loop {
            let mut buf = ReadBuf::new(&mut discarded);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return over.as_mut().poll(cx),
            }
        }
    }
}

/// Stands in for a request that is refused, or the rest of it: no head and no chunk's size may hold the first byte, so
/// hyper answers 400 and closes, in its turn behind whatever was asked before. The line ends are there because hyper looks
/// at a head only when it sees its end.
const REFUSED: &[u8] = b"\0\r\n\r\n";

impl<S> Guarded<S> {
    /// Gives hyper what stands in for a refused request, as far as there is room.
    fn put_refusal(&mut self, refusal: &'static [u8], buf: &mut ReadBuf<'_>) {
        let (now, later) = refusal.split_at(refusal.len().min(buf.remaining()));
        buf.put_slice(now);
        self.refused = Some(later);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return self.poll_stream(cx, buf);
        }
        let taken = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..taken]);
        self.unread = self.unread.split_off(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.refused.is_some() || !self.framing.is_between_requests() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
