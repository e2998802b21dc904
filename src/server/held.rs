//! Answers that are held: sent by a small loop over the bare connection, with no buffer while nothing happens.

use super::guarded::Guarded;
use super::head::{Asked, BodyEnd, Head};
use crate::transport::{Coming, Held, Stalled};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use poem::Response;
use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

/// How many bytes wait for the peer before the body is asked for more.
const OUT_BUFFER: usize = 16 * 1024;

/// A held response. Dropping it drops its body, which so learns that the client has left.
pub(super) struct Answer {
    head: Head,
    content: Content,
    stalled: Option<Stalled>,
}

enum Content {
    Here(BoxBody<Bytes, io::Error>, Held),
    /// It comes in one piece, with the rest of the head.
    Coming(BoxFuture<'static, Response>),
}

impl Answer {
    /// The response, if it is one to be held.
    pub(super) fn new(response: Response, asked: Asked) -> Result<Self, Response> {
        let head = |response: &Response| Head::new(response.status(), response.headers(), asked);
        if let Some(coming) = response.data::<Coming>().and_then(Coming::take) {
            return Ok(Self { head: head(&response), content: Content::Coming(coming), stalled: None });
        }
        let Some(held) = response.data::<Held>().copied() else { return Err(response) };
        let stalled = response.data::<Stalled>().cloned();
        Ok(Self { head: head(&response), content: Content::Here(response.into_body().into(), held), stalled })
    }

    /// Sends the answer as its body comes in, unless the peer leaves before. Returns the stream if it can be used again;
    /// else it is closed.
    pub(super) async fn send<S>(
        mut self,
        mut stream: Guarded<S>,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<Option<Guarded<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut out = Vec::new();
        let stalled = self.stalled.take();
        let (head, body, held) = self.arrive(&mut stream).await?;
        let (coding, reusable) = match (held, head.end_of_stream()) {
            (Held::Whole, _) => (Coding::Whole { head: Some(head), body: Vec::new() }, false),
            (Held::Stream, end) => {
                let (head, reusable) = head.finish(end, *stopping.borrow());
                out = head;
                (if end == BodyEnd::Chunk { Coding::Chunks } else { Coding::Plain }, reusable)
            }
        };
        let mut sending = Sending { stream, body, coding, reusable, out, written: 0, ended: false, stalled, stopping };
        poll_fn(|cx| sending.poll(cx)).await?;
        let Sending { mut stream, reusable, .. } = sending;
        if reusable {
            return Ok(Some(stream));
        }
        stream.shutdown().await?;
        Ok(None)
    }

    /// Waits until it is known what is to be sent, unless the peer leaves before.
    async fn arrive<S>(self, stream: &mut Guarded<S>) -> io::Result<(Head, BoxBody<Bytes, io::Error>, Held)>
    where
        S: AsyncRead + Unpin,
    {
        let Self { mut head, content, .. } = self;
        let mut coming = match content {
            Content::Here(body, held) => return Ok((head, body, held)),
            Content::Coming(coming) => coming,
        };
        let response = poll_fn(|cx| match stream.poll_left(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof))),
            Poll::Pending => coming.as_mut().poll(cx).map(Ok),
        });
        let response = response.await?;
        head.complete(response.status(), response.headers());
        Ok((head, response.into_body().into(), Held::Whole))
    }
}

/// How a body's pieces become bytes on the wire.
enum Coding {
    /// They are collected, and sent behind the head.
    Whole { head: Option<Head>, body: Vec<u8> },
    /// Each is a chunk (RFC 9112, section 7.1).
    Chunks,
    /// As they are.
    Plain,
}

struct Sending<'a, S> {
    stream: Guarded<S>,
    body: BoxBody<Bytes, io::Error>,
    coding: Coding,
    /// The connection can be used again when all is sent.
    reusable: bool,
    /// What is to be written, of which so much is written; not allocated while nothing is.
    out: Vec<u8>,
    written: usize,
    /// The body came to its end.
    ended: bool,
    /// Who is still to be told that the peer takes nothing.
    stalled: Option<Stalled>,
    stopping: &'a watch::Receiver<bool>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sending<'_, S> {
    /// Ready when all is sent.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stream.poll_left(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        loop {
            match ready!(self.poll_write(cx)) {
                Err(error) if self.has_stalled(&error) => continue,
                written => written?,
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            // Only now: who does not read is given nothing to wait for.
            let waiting = self.poll_body(cx)?.is_pending();
            if waiting && self.out.is_empty() {
                return Poll::Pending;
            }
        }
    }

    /// Whether the peer has only now been found to take nothing, in which case it is waited for once more: not for what it
    /// missed, which is dropped, but to tell it so.
    fn has_stalled(&mut self, error: &io::Error) -> bool {
        let is_ours = error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none();
        let Some(stalled) = self.stalled.take_if(|_| is_ours) else { return false };
        stalled.tell();
        self.stream.wait_again();
        true
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        (self.out, self.written) = (Vec::new(), 0);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Takes what the body has; ready when there may be more, or nothing ever again.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.out.len() < OUT_BUFFER && !self.ended {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(frame) => {
                    let piece = frame?.into_data().unwrap_or_default();
                    self.add(&piece)?;
                }
                None => self.end(),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.coding {
            Coding::Whole { body, .. } => body.extend_from_slice(piece),
            Coding::Plain => self.out.extend_from_slice(piece),
            // An empty chunk would be the last.
            Coding::Chunks if piece.is_empty() => {}
            Coding::Chunks => {
                self.out.reserve(piece.len() + CHUNK_OVERHEAD);
                write!(self.out, "{:x}\r\n", piece.len())?;
                self.out.extend_from_slice(piece);
                self.out.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.ended = true;
        match &mut self.coding {
            Coding::Whole { head, body } => {
                let Some(head) = head.take() else { return };
                let last = *self.stopping.borrow();
                (self.out, self.reusable) = head.finish(BodyEnd::Length(body.len()), last);
                self.out.append(body);
            }
            Coding::Chunks => self.out.extend_from_slice(b"0\r\n\r\n"),
            Coding::Plain => {}
        }
    }
}

/// What a chunk has around its data at the most: its size in hexadecimal, and two line ends.
const CHUNK_OVERHEAD: usize = 16 + 4;
