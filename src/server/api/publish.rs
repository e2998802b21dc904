//! Publishing: one message, or many in one request.

use super::counts::ApiCounts;
use super::endpoints::session;
use super::key::sha256;
use super::once::{Done, Hash, Once};
use super::problem::{Problem, Refusal};
use crate::messaging::Messenger;
use crate::model::{Destination, Headers, Publication};
use crate::node::now;
use crate::server::Mounted;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A message to publish.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Message", deny_unknown_fields)]
pub(super) struct ToPublish {
    /// Where it goes: a topic or a queue, such as `/topic/news`. With `user` or `session`, what they subscribed below
    /// `/user`: `/queue/alerts` for those who subscribed `/user/queue/alerts`.
    destination: String,
    /// All sessions of this user, and nobody else.
    user: Option<String>,
    /// This session, and no other.
    session: Option<String>,
    /// Text, which is published as it is; or any other JSON, which is published as JSON. Nothing, and null: an empty text.
    body: Option<Value>,
    /// Headers that go with it. `content-type` is `text/plain` or `application/json` if it is not here.
    #[oai(default, validator(max_properties = 64))]
    headers: BTreeMap<String, String>,
    /// A message with the same key is published once.
    #[oai(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
}

/// One message, or a list of them.
pub(super) enum Publish {
    One(Box<ToPublish>),
    Many(Vec<ToPublish>),
}

/// What became of each message, in their order.
#[derive(Debug, Object)]
pub(super) struct Published {
    results: Vec<PublishResult>,
}

/// What became of one message.
#[derive(Debug, Object)]
pub(super) struct PublishResult {
    status: PublishStatus,
    /// Why it was not published.
    #[oai(skip_serializing_if_is_none)]
    error: Option<Problem>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum PublishStatus {
    /// All who are subscribed will get it.
    Published,
    /// It was published before, with the same idempotency key.
    Repeated,
    /// It was not published.
    Failed,
}

/// Where and for whom a request publishes.
pub(super) struct Publisher<'a> {
    pub(super) endpoint: &'a Mounted,
    pub(super) messenger: &'a Messenger,
    pub(super) once: &'a Once,
    pub(super) counts: &'a ApiCounts,
    /// Whose idempotency keys they are.
    pub(super) key_name: &'a str,
    /// The request's own idempotency key. Each of its messages that has none gets one from it.
    pub(super) request_key: Option<&'a str>,
}

impl Publisher<'_> {
    /// Publishes what it can. One message alone that fails is the request's failure.
    pub(super) fn publish(&self, publish: Publish) -> Result<Published, Refusal> {
        let results = match publish {
            Publish::One(message) => vec![PublishResult::of(Ok(self.publish_one(0, *message)?))],
            Publish::Many(messages) => {
                let publish = |(at, message)| PublishResult::of(self.publish_one(at, message));
                messages.into_iter().enumerate().map(publish).collect()
            }
        };
        Ok(Published { results })
    }

    fn publish_one(&self, at: usize, message: ToPublish) -> Result<Done, Refusal> {
        let done = match self.identity(at, &message) {
            Some(identity) => self.once.act(identity, now(), || self.send(message)),
            None => self.send(message).map(|()| Done::Now),
        };
        self.counts.publication(PublishStatus::of(&done).name());
        done
    }

    /// What the message is known by, and what it says. Keys of other API keys and of other endpoints are others.
    fn identity(&self, at: usize, message: &ToPublish) -> Option<(Hash, Hash)> {
        let own = message.idempotency_key.as_ref().map(|key| json!(key));
        let key = own.or_else(|| self.request_key.map(|key| json!([key, at])))?;
        let key = json!([self.key_name, self.endpoint.name, key]).to_string();
        Some((sha256(key.as_bytes()), sha256(message.to_json_string().as_bytes())))
    }

    fn send(&self, message: ToPublish) -> Result<(), Refusal> {
        let (user, session_id) = (message.user.clone(), message.session.clone());
        let publication = message.publication()?;
        match (user, session_id) {
            (None, None) => self.messenger.publish(publication)?,
            (Some(user), None) => self.messenger.publish_to_user(&user, publication)?,
            (None, Some(id)) => {
                let id = session(self.endpoint, &id)?.id();
                self.messenger.publish_to_session(id, publication)?;
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::bad_request("invalid_request", "user and session exclude each other"));
            }
        }
        Ok(())
    }
}

impl ToPublish {
    fn publication(self) -> Result<Publication, Refusal> {
        if self.headers.contains_key("") {
            return Err(Refusal::bad_request("invalid_headers", "a header has no name"));
        }
        let destination = Destination::parse(self.destination)
            .map_err(|error| Refusal::bad_request("invalid_destination", error.to_string()))?;
        let (content_type, body) = match self.body {
            None => ("text/plain", String::new()),
            Some(Value::String(text)) => ("text/plain", text),
            Some(json) => ("application/json", json.to_string()),
        };
        let mut headers: Headers = self.headers.into_iter().collect();
        headers.push("content-type", content_type);
        Ok(Publication { destination, headers, body: body.into() })
    }
}

impl PublishResult {
    fn of(done: Result<Done, Refusal>) -> Self {
        Self { status: PublishStatus::of(&done), error: done.err().map(|refusal| refusal.problem()) }
    }
}

impl PublishStatus {
    fn of(done: &Result<Done, Refusal>) -> Self {
        match done {
            Ok(Done::Now) => Self::Published,
            Ok(Done::Before) => Self::Repeated,
            Err(_) => Self::Failed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Repeated => "repeated",
            Self::Failed => "failed",
        }
    }
}

impl Publish {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(messages) => messages.len(),
        }
    }
}

/// By hand, because a derived union tells of what is wrong with a message only that it is neither.
impl Type for Publish {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Message or list of messages".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let one_of = vec![ToPublish::schema_ref(), Vec::<ToPublish>::schema_ref()];
        MetaSchemaRef::Inline(Box::new(MetaSchema { one_of, ..MetaSchema::ANY }))
    }

    fn register(registry: &mut Registry) {
        ToPublish::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ParseFromJSON for Publish {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            many @ Some(Value::Array(_)) => Vec::parse_from_json(many).map(Self::Many).map_err(ParseError::propagate),
            one => ToPublish::parse_from_json(one).map(|one| Self::One(Box::new(one))).map_err(ParseError::propagate),
        }
    }
}
