//! Where a key set is fetched from. The URL is the operator's, and nothing in a token can change it.

use crate::http_client::Server;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{Method, StatusCode};
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// The largest document in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// How long it may take from the name's look-up to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A document behind a URL.
#[derive(Clone)]
pub(super) struct Source {
    server: Server,
    timeout: Duration,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}

impl From<Server> for Source {
    fn from(server: Server) -> Self {
        Self { server, timeout: TIMEOUT }
    }
}

impl Source {
    /// The document. Ends after 5 s at the latest, and takes 256 KiB at the most.
    pub async fn get(&self) -> io::Result<Bytes> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "took too long");
        timeout(self.timeout, self.fetch()).await.map_err(late)?
    }

    async fn fetch(&self) -> io::Result<Bytes> {
        let query = self.server.query().map(|query| format!("?{query}")).unwrap_or_default();
        let request = self.server.request(Method::GET, &format!("{}{query}", self.server.path()));
        let request = request.header(ACCEPT, "application/json").body(Default::default()).map_err(io::Error::other)?;
        let response = self.server.exchange(request, MAX_BYTES).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            status => Err(io::Error::other(format!("answered {status}"))),
        }
    }
}

#[cfg(test)]
impl Source {
    /// With less patience.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}
