//! Connections to the backend that are kept for the next call.
//!
//! A kept connection belongs to nobody and has no task: it is driven by whoever uses it, and a look at it before that shows
//! whether the backend has closed it meanwhile.

use crate::http_client::{Server, Stream};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::pending;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection is kept that nobody uses: less than most servers and proxies keep theirs.
const KEPT_FOR: Duration = Duration::from_secs(15);

pub(super) struct Pool {
    server: Server,
    idle: Mutex<Vec<Connection>>,
    /// How many are kept.
    limit: usize,
    max_answer_bytes: usize,
}

struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driving: http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>,
    since: Instant,
}

/// A connection was over before it had an answer.
struct Lost {
    error: io::Error,
    /// The request, where nothing of it was sent.
    unsent: Option<Request<Full<Bytes>>>,
}

impl Pool {
    pub(super) fn new(server: Server, limit: usize, max_answer_bytes: usize) -> Self {
        Self { server, idle: Mutex::default(), limit, max_answer_bytes }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a request and takes its answer; says in `reached` when there is a connection. Takes as long as the backend does:
    /// callers set the limit.
    pub(super) async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        reached: &AtomicBool,
    ) -> io::Result<Response<Bytes>> {
        reached.store(false, Ordering::Relaxed);
        while let Some(kept) = self.take() {
            reached.store(true, Ordering::Relaxed);
            match self.exchange_over(kept, request).await {
                Err(Lost { unsent: Some(unsent), .. }) => request = unsent,
                done => return done.map_err(|lost| lost.error),
            }
        }
        reached.store(false, Ordering::Relaxed);
        let stream = TokioIo::new(self.server.connect().await?);
        reached.store(true, Ordering::Relaxed);
        let (sender, driving) = http1::handshake(stream).await.map_err(io::Error::other)?;
        let fresh = Connection { sender, driving, since: Instant::now() };
        self.exchange_over(fresh, request).await.map_err(|lost| lost.error)
    }

    async fn exchange_over(
        &self,
        mut connection: Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Lost> {
        let (answer, is_over) = connection.exchange(request, self.max_answer_bytes).await;
        if answer.is_ok() && !is_over {
            self.keep(connection);
        }
        answer
    }

    /// A connection that still is one.
    fn take(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle.lock().pop()?;
            if connection.is_usable() {
                return Some(connection);
            }
        }
    }

    fn keep(&self, mut connection: Connection) {
        connection.since = Instant::now();
        let mut idle = self.idle.lock();
        idle.retain(|connection| connection.since.elapsed() < KEPT_FOR);
        if idle.len() < self.limit {
            idle.push(connection);
        }
    }
}

impl Connection {
    fn is_usable(&mut self) -> bool {
        self.since.elapsed() < KEPT_FOR && (&mut self.driving).now_or_never().is_none() && self.sender.is_ready()
    }

    /// The answer, and whether the connection is over with it.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        max_bytes: usize,
    ) -> (Result<Response<Bytes>, Lost>, bool) {
        let Self { sender, driving, .. } = self;
        let mut is_over = false;
        let answer = async {
            let sent = sender.try_send_request(request).await;
            let (head, body) = sent.map_err(Lost::unanswered)?.into_parts();
            let body = Limited::new(body, max_bytes).collect().await.map_err(Lost::cut_off)?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        // The connection has to be driven until the answer is complete; what it ends with, the answer says too.
        let over = async {
            driving.await.ok();
            is_over = true;
            pending().await
        };
        let answer = tokio::select! {
            answer = answer => answer,
            never = over => never,
        };
        (answer, is_over)
    }
}

impl Lost {
    fn unanswered(mut error: hyper::client::conn::TrySendError<Request<Full<Bytes>>>) -> Self {
        let unsent = error.take_message();
        Self { error: io::Error::other(error.into_error()), unsent }
    }

    fn cut_off(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self { error: io::Error::other(error), unsent: None }
    }
}
