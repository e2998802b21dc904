//! Publishing by HTTP.

use super::dial::{self, Http};
use super::{Failure, Target};
use crate::cli::publish::{detail, key};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use std::sync::Arc;

/// Where messages are posted, and how.
pub struct Outlet {
    target: Arc<Target>,
    headers: HeaderMap,
    /// What Byway's API is told with each message; `None` where the request's body is nothing but the message.
    destination: Option<String>,
}

/// One connection to an outlet, which is kept.
pub struct Poster {
    http: Http,
    path: String,
    destination: Option<String>,
}

impl Outlet {
    /// Byway's API, below this target. It needs a key.
    pub fn api(target: Target, destination: &str) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { target: Arc::new(target), headers, destination: Some(destination.to_owned()) }.with_key(key()?)
    }

    /// Any server's, which takes a message as it is. A key is shown if there is one.
    pub fn as_is(target: Target) -> Result<Self, String> {
        let outlet = Self { target: Arc::new(target), headers: HeaderMap::new(), destination: None };
        match key() {
            Ok(key) => outlet.with_key(key),
            Err(_) => Ok(outlet),
        }
    }

    fn with_key(mut self, key: HeaderValue) -> Result<Self, String> {
        if !self.target.server.is_private() {
            return Err("--publish-url: expected https://, because BYWAY_API_KEY could be read on its way".to_owned());
        }
        self.headers.insert(AUTHORIZATION, key);
        Ok(self)
    }

    /// The host, for whoever has to allow it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Opens a connection with its first message.
    pub fn poster(&self) -> Poster {
        let path = match self.destination {
            Some(_) => self.target.below("/api/publish"),
            None => self.target.whole(),
        };
        let http = Http::new(self.target.clone(), self.headers.clone());
        Poster { http, path, destination: self.destination.clone() }
    }
}

impl Poster {
    /// Publishes a message, and waits until that is answered.
    pub async fn send(&mut self, text: &str) -> Result<(), Failure> {
        let body = match &self.destination {
            Some(destination) => json!({ "destination": destination, "body": text }).to_string(),
            None => text.to_owned(),
        };
        let response = self.http.ask(Method::POST, &self.path, body.into()).await?;
        let status = response.status();
        // Also where it says nothing new: an answer that is left unread ends its connection.
        let answer = dial::body(response).await?;
        match status.is_success() {
            true => Ok(()),
            false => Err(Failure::status(status, &said(&answer))),
        }
    }
}

fn said(answer: &[u8]) -> String {
    match detail(answer) {
        none if none.is_empty() => String::from_utf8_lossy(answer).into_owned(),
        detail => detail,
    }
}
