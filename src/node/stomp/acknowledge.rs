//! ACK and NACK.

use super::refusal::Refusal;
use super::speaker::StompSpeaker;
use super::subscribe::{Source, Subscription};
use crate::broker::{Settlement, UnknownTag};
use crate::model::AckMode;
use crate::protocol::stomp::{Ack, AckReference};

impl StompSpeaker {
    /// A client is done with a message, or could not do with it. Only queues keep what is not acknowledged; on topics it
    /// changes nothing.
    pub(super) fn acknowledge(&self, ack: &Ack, settlement: Settlement) -> Result<(), Refusal> {
        let (subscription, number) = self.delivered(&ack.reference).ok_or(UnknownTag)?;
        match &subscription.source {
            _ if subscription.ack == AckMode::Auto => Err(UnknownTag.into()),
            Source::Queue(consuming) => Ok(consuming.settle(number, settlement)?),
            Source::Topics(_) if self.shared.broker.has_published(number) => Ok(()),
            Source::Topics(_) | Source::Answer => Err(UnknownTag.into()),
        }
    }

    /// Whether a client may acknowledge this, as far as can be told before anything else of its transaction is done.
    pub(super) fn check_unsettled(&self, ack: &Ack) -> Result<(), Refusal> {
        let (subscription, number) = self.delivered(&ack.reference).ok_or(UnknownTag)?;
        let is_unsettled = match &subscription.source {
            _ if subscription.ack == AckMode::Auto => false,
            Source::Queue(consuming) => consuming.is_unsettled(number),
            Source::Topics(_) => self.shared.broker.has_published(number),
            Source::Answer => false,
        };
        if is_unsettled { Ok(()) } else { Err(UnknownTag.into()) }
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
