//! A publication on its way to its subscribers, in the form that each of them wants.

use crate::broker::{SlowConsumerPolicy, SlowConsumerSettings};
use crate::model::{Message, Publication};
use crate::node::feed::FeedForm;
use crate::node::hub::Kind;
use crate::protocol::stomp::{self, Tail, Version};
use crate::session::{OnFull, Outgoing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytestring::ByteString;
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

/// What the hub carries to subscribers.
pub(in crate::node) struct Deliveries;

/// A publication that the broker took.
pub(in crate::node) struct Accepted {
    publication: Arc<Publication>,
    /// Its number on this node, which makes its `message-id`.
    number: u64,
    on_full: Option<WhenSlow>,
    /// What all receivers of a version share, for those who take bytes and for those who take only text.
    tails: [[OnceLock<Tail>; 2]; 3],
}

/// What may become of a publication in the queue of a session that does not read.
pub(super) enum WhenSlow {
    Close,
    DropOldest,
    /// The hash of what newer ones have in common with it.
    KeepNewest(u64),
}

/// What a subscriber's messages have that others' do not. Those who want the same share the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::node) enum Form {
    /// MESSAGE frames.
    Stomp(Arc<Wanted>),
    /// Records of a feed.
    Feed(FeedForm),
}

#[derive(PartialEq, Eq, Hash)]
pub(in crate::node) struct Wanted {
    pub(in crate::node) version: Version,
    /// The `subscription` header; STOMP 1.0 can do without.
    pub(in crate::node) subscription: Option<ByteString>,
    /// Which of the session's subscriptions it is.
    pub(in crate::node) place: u64,
    /// Whether messages have to be acknowledged.
    pub(in crate::node) acknowledged: bool,
    /// Whether all frames go out as binary messages, as the client's own come.
    pub(in crate::node) binary: bool,
    /// Whether the transport can carry nothing but text.
    pub(in crate::node) text_only: bool,
}

/// The header that says how a body was made text for a client whose transport can carry nothing else.
const BODY_ENCODING: (&str, &str) = ("body-encoding", "base64");

impl Kind for Deliveries {
    type Publication = Accepted;
    type Form = Form;

    fn size(accepted: &Accepted) -> usize {
        accepted.publication.size()
    }

    fn message(accepted: &Arc<Accepted>, form: &Form) -> Arc<Outgoing> {
        accepted.message(form)
    }
}

impl Accepted {
    pub(super) fn new(publication: Arc<Publication>, number: u64, on_full: Option<WhenSlow>) -> Arc<Self> {
        Arc::new(Self { publication, number, on_full, tails: Default::default() })
    }

    /// The message in this form.
    pub(super) fn message(&self, form: &Form) -> Arc<Outgoing> {
        let message = match form {
            Form::Stomp(wanted) => self.frame(wanted),
            Form::Feed(form) => Message::text(form.record(&self.publication, self.number)),
        };
        match &self.on_full {
            Some(_) if form.needs_all() => Outgoing::with_policy(message, OnFull::Close),
            Some(policy) => Outgoing::with_policy(message, policy.of_subscription(form.place())),
            None => Outgoing::new(message),
        }
    }

    /// The MESSAGE frame.
    fn frame(&self, wanted: &Wanted) -> Message {
        let id = wanted.message_id(self.number);
        let frame = self.tail(wanted).message(&stomp::Form {
            subscription: wanted.subscription.as_deref(),
            message_id: &id,
            ack: wanted.acknowledged.then_some(&id),
        });
        if wanted.binary { frame.into_binary() } else { frame }
    }

    fn tail(&self, wanted: &Wanted) -> &Tail {
        let slot = &self.tails[wanted.version as usize][usize::from(wanted.text_only)];
        slot.get_or_init(|| {
            let publication = self.publication_for(wanted);
            Tail::new(wanted.version, publication.destination.as_str(), &publication.headers, &publication.body)
        })
    }

    /// Bytes that are no text reach clients of text transports encoded, and with a header that says so.
    fn publication_for(&self, wanted: &Wanted) -> Cow<'_, Publication> {
        let publication = &*self.publication;
        if !wanted.text_only || publication.body.as_str().is_some() {
            return Cow::Borrowed(publication);
        }
        let (name, value) = BODY_ENCODING;
        let mut encoded = publication.clone().with_header(name, value);
        encoded.body = Message::text(STANDARD.encode(publication.body.as_bytes()));
        Cow::Owned(encoded)
    }
}

impl WhenSlow {
    pub(super) fn new(settings: &SlowConsumerSettings, publication: &Publication, hasher: &impl BuildHasher) -> Self {
        match settings.policy {
            SlowConsumerPolicy::Close => Self::Close,
            SlowConsumerPolicy::DropOldest => Self::DropOldest,
            SlowConsumerPolicy::KeepNewest => Self::KeepNewest(hasher.hash_one(settings.conflation_key(publication))),
        }
    }

    /// The same publication by two subscriptions of a session is two messages, which never replace each other.
    fn of_subscription(&self, place: u64) -> OnFull {
        match self {
            Self::Close => OnFull::Close,
            Self::DropOldest => OnFull::DropOldest,
            Self::KeepNewest(key) => OnFull::KeepNewest(key ^ place.wrapping_mul(SPREAD)),
        }
    }
}

/// An odd number with bits all over (the golden ratio's), so that neighbouring places change all of a key.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Form {
    pub(in crate::node) fn new(wanted: Wanted) -> Self {
        Self::Stomp(Arc::new(wanted))
    }

    pub(super) fn place(&self) -> u64 {
        match self {
            Self::Stomp(wanted) => wanted.place,
            Self::Feed(form) => form.slot as u64,
        }
    }

    /// Whether nothing may be left out or change its place. The ids of a poll's messages say where the next poll begins.
    fn needs_all(&self) -> bool {
        matches!(self, Self::Feed(form) if form.is_poll)
    }
}

impl Wanted {
    /// Unique on the node; where it is acknowledged it says by which subscription the message came.
    fn message_id(&self, number: u64) -> String {
        match self.acknowledged {
            true => format!("{}-{number}", self.place),
            false => number.to_string(),
        }
    }
}
