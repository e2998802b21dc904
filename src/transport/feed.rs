//! `GET /feed/...`: topics for those who only listen and speak nothing but HTTP. docs/feeds.md says how it looks to them.

use super::exchange::Exchange;
use super::request::client_address;
use super::{Held, held, respond};
use crate::model::{DestinationPattern, Transport};
use crate::node::{Beginning, Feed, FeedRefusal, FeedRequest, Feeds, Node, Polled};
use async_stream::stream;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, Response};
use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::Stream;

/// Where a reader is: in a request as `EventSource` says it (WHATWG HTML, "The Last-Event-ID header"), and in a poll's answer.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What stands behind `/feed` in a path, still encoded; `None` for other paths.
pub(super) fn path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/').unwrap_or(path).strip_prefix("feed")?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Answers for the feed of what `path` and the query name.
pub(super) async fn feed(mut exchange: Exchange, path: String) -> Response {
    if let Err(refusal) = exchange.discard_body().await {
        return refusal;
    }
    let Some(feeds) = exchange.node.feeds() else { return exchange.finish(respond::not_found()) };
    let answer = match Asked::of(&exchange, &path) {
        Ok(asked) => asked.answer(&exchange, feeds).await,
        Err(refusal) => Err(refusal),
    };
    let answer = answer.unwrap_or_else(|refusal| refused(&exchange.node, &refusal));
    exchange.finish(answer)
}

/// What a request says.
struct Asked {
    transport: Transport,
    destinations: Vec<DestinationPattern>,
    beginning: Beginning,
    /// How long a poll waits, or a stream lasts, at the most; `None` is as long as it may.
    wait: Option<Duration>,
}

impl Asked {
    fn of(exchange: &Exchange, path: &str) -> Result<Self, FeedRefusal> {
        let transport = exchange.header(header::ACCEPT).map_or(Transport::FeedEvents, by_accept);
        let mut asked = Self { transport, destinations: Vec::new(), beginning: Beginning::Now, wait: None };
        if !matches!(path, "" | "/") {
            asked.destinations.push(destination(decoded(path))?);
        }
        for (name, value) in form_urlencoded::parse(exchange.query().as_bytes()) {
            asked.parameter(&name, value)?;
        }
        // An EventSource comes back to the URL that it had at first, and says where it is in the header.
        if let Some(id) = last_event_id(exchange) {
            asked.beginning = Beginning::After(id.to_owned());
        }
        Ok(asked)
    }

    /// Parameters that are not known here may be for others, such as a token's.
    fn parameter(&mut self, name: &str, value: Cow<'_, str>) -> Result<(), FeedRefusal> {
        match name {
            "destination" => self.destinations.push(destination(value.into_owned())?),
            "after" | "last_event_id" if !value.is_empty() => self.beginning = Beginning::After(value.into_owned()),
            "history" if self.beginning == Beginning::Now => self.beginning = Beginning::Last(number(name, &value)?),
            "wait" => self.wait = Some(Duration::from_secs(number(name, &value)?)),
            "format" => self.transport = by_format(&value)?,
            _ => {}
        }
        Ok(())
    }

    async fn answer(self, exchange: &Exchange, feeds: &Feeds) -> Result<Response, FeedRefusal> {
        let Self { transport, destinations, beginning, wait } = self;
        let request = FeedRequest {
            transport,
            remote: client_address(&exchange.node.proxies, &exchange.request),
            principal: exchange.principal().cloned(),
            token: feeds.token(exchange.request.headers(), exchange.request.uri().query()),
            comes_back: last_event_id(exchange).is_some(),
            destinations,
            beginning,
            wait,
        };
        let feed = feeds.open(&exchange.node, request).await?;
        let max_wait = feeds.settings.max_wait;
        Ok(match transport {
            Transport::FeedPoll => poll(exchange, feed, wait.map_or(max_wait, |wait| wait.min(max_wait))).await,
            _ => respond::held(feed.content_type(), Body::from_bytes_stream(pieces(feed)), Held::Stream),
        })
    }
}

fn last_event_id(exchange: &Exchange) -> Option<&str> {
    exchange.header(LAST_EVENT_ID).filter(|id| !id.is_empty())
}

/// The first media type that is one of a feed's decides; whoever accepts anything gets events.
fn by_accept(accept: &str) -> Transport {
    let types = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    let known = |media: &str| match media {
        "text/event-stream" => Some(Transport::FeedEvents),
        "application/x-ndjson" | "application/ndjson" => Some(Transport::FeedLines),
        "application/json" => Some(Transport::FeedPoll),
        _ => None,
    };
    types.into_iter().find_map(known).unwrap_or(Transport::FeedEvents)
}

fn by_format(format: &str) -> Result<Transport, FeedRefusal> {
    match format {
        "events" => Ok(Transport::FeedEvents),
        "lines" => Ok(Transport::FeedLines),
        "poll" => Ok(Transport::FeedPoll),
        _ => Err(FeedRefusal::bad_request("format is events, lines or poll")),
    }
}

fn destination(text: String) -> Result<DestinationPattern, FeedRefusal> {
    DestinationPattern::parse(text).map_err(|error| FeedRefusal::bad_request(error.to_string()))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, FeedRefusal> {
    value.parse().map_err(|_| FeedRefusal::bad_request(format!("{name} has to be a whole number")))
}

/// A path without its percent-encoding. It is read as the name of one form field, once what separates fields is encoded too.
fn decoded(path: &str) -> String {
    let name = path.replace('&', "%26").replace('=', "%3D").replace('+', "%2B");
    form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// Each piece is a chunk of its own. The response ends with the session.
fn pieces(mut feed: Feed) -> impl Stream<Item = io::Result<Bytes>> {
    stream! {
        while let Some(piece) = feed.next().await {
            if piece.last {
                // Before the last piece goes out: a client that has it may break off without waiting for the end.
                feed.finish();
                yield Ok(piece.bytes);
                return;
            }
            yield Ok(piece.bytes);
        }
    }
}

/// A poll that waits holds nothing of its request.
async fn poll(exchange: &Exchange, feed: Feed, wait: Duration) -> Response {
    let node = Arc::clone(&exchange.node);
    let answer = async move { polled(feed.poll(wait).await).unwrap_or_else(|refusal| refused(&node, &refusal)) };
    held::coming(&exchange.request, answer).await
}

fn polled(polled: Polled) -> Result<Response, FeedRefusal> {
    let (mut response, id) = match polled {
        Polled::Messages { list, id } => (respond::content(respond::JSON, list), id),
        Polled::Nothing { id } => (Response::builder().status(StatusCode::NO_CONTENT).finish(), id),
        Polled::Ended(disconnect) => return Err(disconnect.into()),
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(LAST_EVENT_ID, id);
    }
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Last-Event-ID"));
    Ok(response)
}

fn refused(node: &Node, refusal: &FeedRefusal) -> Response {
    node.refused(refusal.label);
    let mut response = respond::text(refusal.status, format!("{}.\n", refusal.text));
    let headers = response.headers_mut();
    if let Some(wait) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    if refusal.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
