//! The socket under a WebSocket, as its driver sees it.

use bytes::Bytes;
use std::any::Any;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

/// Any stream that can carry a WebSocket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A plain TCP connection, to which everyone may write; or any other stream (TLS, or what a foreign server hands over),
/// to which only the driver writes.
pub(crate) enum Io {
    Tcp(TcpStream),
    Stream(Box<dyn Stream>),
}

/// A connection that became a WebSocket's.
pub(crate) struct Upgraded {
    pub(crate) io: Io,
    /// What the peer sent behind its upgrade request.
    pub(crate) early: Bytes,
    /// What is held for as long as the connection is open, and dropped with it.
    pub(crate) permit: Option<Arc<dyn Any + Send + Sync>>,
}

/// The driver's part of an [`Io`].
pub(super) enum DriverIo {
    Tcp(OwnedReadHalf),
    Stream(Box<dyn Stream>),
}

impl DriverIo {
    /// Reads into `buffer`; 0 is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(match self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, &mut buffer),
            Self::Stream(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        })?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes if the stream takes something now; `WouldBlock` when it does not, and then the task is woken when it does.
    pub(super) fn try_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Self::Stream(stream) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        match Pin::new(stream).poll_write_vectored(cx, slices) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Pushes what the stream itself holds back (TLS records) towards the peer.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Stream(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Tells the peer that nothing more comes. A TCP connection's write half does so when it is dropped.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
