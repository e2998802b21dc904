//! A feed: a stream of events or lines, or one poll after the other.

use super::dial::{self, Http};
use super::events::{Events, Lines};
use super::heard::{Heard, Line, NO_FEED};
use super::wanted::{Beginning, Wanted};
use super::{Credentials, Failure};
use bytes::Bytes;
use byway::Transport;
use form_urlencoded::Serializer;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;

/// A feed under way.
pub struct Feed {
    http: Http,
    source: Source,
    /// Where a reader is who has heard all that is ready.
    last_id: Option<String>,
    /// What came and was not taken yet; behind a failure nothing comes.
    ready: VecDeque<Result<Heard, Failure>>,
}

enum Source {
    Events(Incoming, Events),
    Lines(Incoming, Lines),
    Polls(Wanted),
}

pub(super) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl Feed {
    /// Opens a feed. From then on nothing is missed.
    pub async fn open(wanted: &Wanted) -> Result<Self, Failure> {
        if wanted.target.is_socket {
            return Err(Failure::refused("--url: a feed takes the endpoint's http:// or https:// URL"));
        }
        let mut http = Http::new(wanted.target.clone(), headers(&wanted.who)?);
        let source = match wanted.transport {
            Transport::FeedPoll => Source::Polls(wanted.clone()),
            Transport::FeedLines => Source::Lines(stream(&mut http, wanted, "lines").await?, Lines::default()),
            _ => Source::Events(stream(&mut http, wanted, "events").await?, Events::default()),
        };
        let mut feed = Self { http, source, last_id: None, ready: VecDeque::new() };
        match wanted.transport {
            // Does not wait: its answer says where the next one begins.
            Transport::FeedPoll => feed.poll(&path(wanted, "poll", &wanted.beginning, Some(0))).await?,
            // The first words are there before anything is published.
            _ => feed.fill().await?,
        }
        Ok(feed)
    }

    /// The next publication or gap. The feed is over when this fails.
    pub async fn next(&mut self) -> Result<Heard, Failure> {
        loop {
            if let Some(heard) = self.ready.pop_front() {
                return heard;
            }
            self.fill().await?;
        }
    }

    /// Where a reader comes back to who has heard everything up to a failure.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        match &mut self.source {
            Source::Events(body, events) => {
                events.feed(&piece(body).await?);
                while let Some(event) = events.next().map_err(Failure::refused)? {
                    self.ready.extend(Heard::of_event(event).transpose());
                }
                self.last_id = Some(events.last_id().to_owned()).filter(|id| !id.is_empty());
            }
            Source::Lines(body, lines) => {
                lines.feed(&piece(body).await?);
                // An empty line is a sign of life.
                while let Some(line) = lines.next().map_err(Failure::refused)? {
                    if !line.is_empty() {
                        let line: Line = serde_json::from_str(&line).map_err(|_| Failure::refused(NO_FEED))?;
                        take(line, &mut self.ready, &mut self.last_id);
                    }
                }
            }
            Source::Polls(wanted) => {
                let beginning = self.last_id.clone().map_or(Beginning::Now, Beginning::After);
                let path = path(wanted, "poll", &beginning, None);
                self.poll(&path).await?;
            }
        }
        Ok(())
    }

    async fn poll(&mut self, path: &str) -> Result<(), Failure> {
        let response = self.http.ask(Method::GET, path, Bytes::new()).await?;
        let next = response.headers().get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let lines = match response.status() {
            StatusCode::OK => list(response).await?,
            StatusCode::NO_CONTENT => Vec::new(),
            _ => return Err(dial::refusal(response).await),
        };
        for line in lines {
            take(line, &mut self.ready, &mut self.last_id);
        }
        self.last_id = Some(next.ok_or_else(|| Failure::refused(NO_FEED))?);
        Ok(())
    }
}

async fn stream(http: &mut Http, wanted: &Wanted, format: &str) -> Result<Incoming, Failure> {
    let path = path(wanted, format, &wanted.beginning, None);
    let response = http.ask(Method::GET, &path, Bytes::new()).await?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        _ => Err(dial::refusal(response).await),
    }
}

async fn list(response: Response<Incoming>) -> Result<Vec<Line>, Failure> {
    serde_json::from_slice(&dial::body(response).await?).map_err(|_| Failure::refused(NO_FEED))
}

pub(super) async fn piece(body: &mut Incoming) -> Result<Bytes, Failure> {
    let frame = body.frame().await.transpose()?.ok_or_else(|| Failure::passing("the stream ended"))?;
    Ok(frame.into_data().unwrap_or_default())
}

fn take(line: Line, ready: &mut VecDeque<Result<Heard, Failure>>, last_id: &mut Option<String>) {
    if line.id.is_some() {
        last_id.clone_from(&line.id);
    }
    ready.extend(Heard::of_line(line).transpose());
}

/// The target of a request. Everything that the user says is in its query, where any text can be written.
fn path(wanted: &Wanted, format: &str, beginning: &Beginning, wait: Option<u64>) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("destination", &wanted.destination).append_pair("format", format);
    match beginning {
        Beginning::Now => {}
        Beginning::Last(count) => _ = query.append_pair("history", &count.to_string()),
        Beginning::After(id) => _ = query.append_pair("after", id),
    }
    if let Some(wait) = wait {
        query.append_pair("wait", &wait.to_string());
    }
    wanted.target.below(&format!("/feed?{}", query.finish()))
}

pub(super) fn headers(who: &Credentials) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    if let Some(token) = &who.token {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| Failure::refused("the token has characters that no header can have"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
