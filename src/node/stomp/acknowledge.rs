//! ACK and NACK.

use super::refusal::Refusal;
use super::speaker::StompSpeaker;
use super::subscribe::{Source, Subscription};
use crate::broker::{Settlement, UnknownTag};
use crate::model::AckMode;
use crate::node::broker::Consuming;
use crate::protocol::stomp::{Ack, AckReference};
use std::collections::{HashMap, HashSet};

impl StompSpeaker {
    /// A client is done with a message, or could not do with it. Only queues keep what is not acknowledged; on topics it
    /// changes nothing.
    pub(super) fn acknowledge(&self, ack: &Ack, settlement: Settlement) -> Result<(), Refusal> {
        match self.to_settle(&ack.reference)? {
            (Some(consuming), tag) => Ok(consuming.settle(tag, settlement)?),
            (None, number) => Ok(self.check_published(number)?),
        }
    }

    /// Whether a client may acknowledge all of this, one after the other.
    pub(super) fn check_acks(&self, acks: &[(Ack, Settlement)]) -> Result<(), Refusal> {
        let mut settled = Settled::default();
        for (ack, _) in acks {
            let (subscription, _) = self.delivered(&ack.reference).ok_or(UnknownTag)?;
            match self.to_settle(&ack.reference)? {
                (Some(consuming), tag) if consuming.is_unsettled(tag) => settled.add(subscription, tag)?,
                (Some(_), _) => return Err(UnknownTag.into()),
                (None, number) => self.check_published(number)?,
            }
        }
        Ok(())
    }

    /// What is acknowledged: a tag of a queue, or the number of a publication to topics.
    fn to_settle(&self, reference: &AckReference) -> Result<(Option<&Consuming>, u64), UnknownTag> {
        let (subscription, number) = self.delivered(reference).ok_or(UnknownTag)?;
        match &subscription.source {
            _ if subscription.ack == AckMode::Auto => Err(UnknownTag),
            Source::Queue(consuming) => Ok((Some(consuming), number)),
            Source::Topics(_) | Source::Past(_) => Ok((None, number)),
            Source::Answer => Err(UnknownTag),
        }
    }

    fn check_published(&self, number: u64) -> Result<(), UnknownTag> {
        if self.shared.broker.has_published(number) { Ok(()) } else { Err(UnknownTag) }
    }

    /// By which subscription a message came, and its number there: `message-id` and `ack` have both where a message has
    /// to be acknowledged.
    fn delivered(&self, reference: &AckReference) -> Option<(&Subscription, u64)> {
        let (id, by) = match reference {
            AckReference::Id(id) => (id, None),
            AckReference::Message { id, subscription } => (id, subscription.as_ref()),
        };
        let (place, number) = id.split_once('-')?;
        let place: u64 = place.parse().ok()?;
        let subscription = self.subscriptions.iter().find(|subscription| subscription.place == place)?;
        let is_named = by.is_none_or(|by| subscription.id.header() == Some(by));
        is_named.then_some((subscription, number.parse().ok()?))
    }
}

/// What a transaction settles, up to a point of it.
#[derive(Default)]
struct Settled {
    /// By the places of subscriptions: the last tag of those that settle all before it too.
    up_to: HashMap<u64, u64>,
    one_by_one: HashSet<(u64, u64)>,
}

impl Settled {
    fn add(&mut self, Subscription { place, ack, .. }: &Subscription, tag: u64) -> Result<(), UnknownTag> {
        let is_new = match ack {
            AckMode::Client => self.up_to.insert(*place, tag).is_none_or(|before| before < tag),
            AckMode::Auto | AckMode::ClientIndividual => self.one_by_one.insert((*place, tag)),
        };
        if is_new { Ok(()) } else { Err(UnknownTag) }
    }
}
