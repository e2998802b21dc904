//! `GET /feed/...`: topics for those who only listen and speak nothing but HTTP. docs/feeds.md says how it looks to them.

use super::exchange::Exchange;
use super::{Stalled, held, respond};
use crate::model::{DestinationPattern, Transport, fields};
use crate::node::{Beginning, Feed, FeedRefusal, FeedRequest, Feeds, Node, Polled};
use crate::protocol::feed::Format;
use async_stream::stream;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
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
pub(super) async fn feed(exchange: Exchange, path: String) -> Response {
    respond_with(exchange, path, async |asked, exchange, feeds| asked.answer(exchange, feeds).await).await
}

/// The head of such an answer. No feed is opened.
pub(super) async fn head(exchange: Exchange, path: String) -> Response {
    respond_with(exchange, path, async |asked, exchange, feeds| asked.look(exchange, feeds).await).await
}

async fn respond_with(
    mut exchange: Exchange,
    path: String,
    answer: impl AsyncFnOnce(Asked, &Exchange, &Feeds) -> Result<Response, FeedRefusal>,
) -> Response {
    if let Err(refusal) = exchange.discard_body().await {
        return refusal;
    }
    let Some(feeds) = exchange.node.feeds() else { return exchange.finish(respond::not_found()) };
    let answer = match Asked::of(&exchange, &path) {
        Ok(asked) => answer(asked, &exchange, feeds).await,
        Err(refusal) => Err(refusal),
    };
    let answer = answer.unwrap_or_else(|refusal| refused(&exchange.node, &refusal));
    exchange.finish(answer)
}

/// What a request says.
struct Asked {
    transport: Transport,
    destinations: Vec<DestinationPattern>,
    /// The id of the event that the reader has seen last.
    last_id: Option<String>,
    /// It says so beside what its URL had at first, so it was here before.
    comes_back: bool,
    /// So many of the past are wanted, where there is no such id.
    history: Option<usize>,
    tells_beginning: bool,
    /// How long a poll waits, or a stream lasts, at the most; `None` is as long as it may.
    wait: Option<Duration>,
}

impl Asked {
    fn of(exchange: &Exchange, path: &str) -> Result<Self, FeedRefusal> {
        let transport = by_accept(exchange.request.headers());
        let added = added_event_id(exchange);
        let comes_back = added.is_some();
        let last_id = added.or_else(|| parameter(exchange, |name| name == "after"));
        let (destinations, history, tells_beginning, wait) = (Vec::new(), None, false, None);
        let mut asked = Self { transport, destinations, last_id, comes_back, history, tells_beginning, wait };
        if !matches!(path, "" | "/") {
            asked.destinations.push(destination(decoded(path))?);
        }
        for (name, value) in form_urlencoded::parse(exchange.query().as_bytes()) {
            asked.parameter(&name, value)?;
        }
        Ok(asked)
    }

    /// Parameters that are not known here may be for others, such as a token's.
    fn parameter(&mut self, name: &str, value: Cow<'_, str>) -> Result<(), FeedRefusal> {
        match name {
            "destination" => self.destinations.push(destination(value.into_owned())?),
            "history" => self.history = Some(number(name, &value)?),
            "wait" => self.wait = Some(Duration::from_secs(number(name, &value)?)),
            "format" => self.transport = by_format(&value)?,
            "opening" => self.tells_beginning = is_event(&value)?,
            _ => {}
        }
        Ok(())
    }

    fn request(self, exchange: &Exchange, feeds: &Feeds) -> FeedRequest {
        let Self { transport, destinations, last_id, comes_back, history, tells_beginning, wait } = self;
        let history = history.map_or(Beginning::Now, Beginning::Last);
        FeedRequest {
            transport,
            remote: exchange.client,
            principal: exchange.principal().cloned(),
            token: feeds.token(exchange.request.headers(), exchange.request.uri().query()),
            comes_back,
            destinations,
            beginning: last_id.map_or(history, Beginning::After),
            tells_beginning,
            wait,
        }
    }

    async fn answer(self, exchange: &Exchange, feeds: &Feeds) -> Result<Response, FeedRefusal> {
        let (transport, wait, max_wait) = (self.transport, self.wait, feeds.settings.max_wait);
        let feed = feeds.open(&exchange.node, self.request(exchange, feeds)).await?;
        Ok(match transport {
            Transport::FeedPoll => poll(exchange, feed, wait.map_or(max_wait, |wait| wait.min(max_wait))).await,
            _ => {
                let (content_type, id) = (feed.content_type(), feed.position());
                let stalled = Stalled::new(feed.stall_notice());
                with_position(respond::stream(content_type, Body::from_bytes_stream(pieces(feed)), stalled), &id)
            }
        })
    }

    async fn look(self, exchange: &Exchange, feeds: &Feeds) -> Result<Response, FeedRefusal> {
        let content_type = match self.transport {
            Transport::FeedPoll => respond::JSON,
            Transport::FeedLines => Format::Lines.content_type(),
            _ => Format::Events.content_type(),
        };
        feeds.look(&exchange.node, self.request(exchange, feeds)).await?;
        Ok(respond::head_of_stream(content_type))
    }
}

/// Where a reader that comes back says that it is: in the header, as an `EventSource` does, which keeps its URL; or as one that
/// cannot set headers adds it to that URL. What is no text is an id all the same.
fn added_event_id(exchange: &Exchange) -> Option<String> {
    let header = exchange.request.headers().get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()));
    let header = header.filter(|id| !id.is_empty()).map(Cow::into_owned);
    header.or_else(|| parameter(exchange, is_last_event_id))
}

/// The last parameter that is meant and has a value.
fn parameter(exchange: &Exchange, is_meant: fn(&str) -> bool) -> Option<String> {
    let pairs = form_urlencoded::parse(exchange.query().as_bytes());
    pairs.filter(|(name, value)| is_meant(name) && !value.is_empty()).last().map(|(_, value)| value.into_owned())
}

/// Every spelling of a last event id in a query: `lastEventId` (Yaffle's polyfill, Mercure), `evs_last_event_id` (amvtek's),
/// `last_event_id`, `Last-Event-ID`, in any case.
fn is_last_event_id(name: &str) -> bool {
    let letters = name.bytes().filter(|byte| !b"-_".contains(byte)).map(|byte| byte.to_ascii_lowercase());
    let letters: Vec<_> = letters.collect();
    matches!(letters.strip_prefix(b"evs").unwrap_or(&letters), b"lasteventid")
}

/// By the weight of those media types that are a feed's, then by their order (RFC 9110, section 12.5.1). Whoever accepts
/// anything gets events, or what else it does not refuse.
fn by_accept(headers: &HeaderMap) -> Transport {
    let known = |(media, weight): (String, u16)| Some((by_media_type(&media)?, weight));
    let accepted: Vec<_> = fields::weighted(headers, header::ACCEPT).filter_map(known).collect();
    // Of several that are the same, the last one that is looked at is found.
    let wanted = accepted.iter().rev().filter(|(_, weight)| *weight > 0).max_by_key(|(_, weight)| *weight);
    let is_refused = |feed: &Transport| accepted.iter().any(|(refused, _)| refused == feed);
    let usual = || Transport::FEEDS.into_iter().find(|feed| !is_refused(feed));
    wanted.map(|(feed, _)| *feed).or_else(usual).unwrap_or(Transport::FeedEvents)
}

fn by_media_type(media: &str) -> Option<Transport> {
    match media {
        "text/event-stream" => Some(Transport::FeedEvents),
        "application/x-ndjson" | "application/ndjson" => Some(Transport::FeedLines),
        "application/json" => Some(Transport::FeedPoll),
        _ => None,
    }
}

fn is_event(opening: &str) -> Result<bool, FeedRefusal> {
    match opening {
        "event" => Ok(true),
        _ => Err(FeedRefusal::bad_request("opening is event, or not there")),
    }
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
    let (response, id) = match polled {
        Polled::Messages { list, id } => (respond::content(respond::JSON, list), id),
        Polled::Nothing { id } => (Response::builder().status(StatusCode::NO_CONTENT).finish(), id),
        Polled::Ended(disconnect) => return Err(disconnect.into()),
    };
    Ok(with_position(response, &id))
}

fn with_position(mut response: Response, id: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(LAST_EVENT_ID, id);
    }
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Last-Event-ID"));
    response
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
