//! A feed's session, as the application is told of it.

use crate::messaging::{Client, Event};
use crate::model::{DestinationPattern, Disconnect, Message};
use crate::node::SessionHandle;
use crate::node::broker::{Attendance, Listening};
use crate::node::handler::Speaker;
use crate::node::stomp::Shared;
use bytestring::ByteString;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Holds what a feed listens to, and gives it up when its session ends. Nothing is said to a feed.
pub(super) struct FeedSpeaker {
    pub(super) shared: Arc<Shared>,
    pub(super) client: Client,
    pub(super) token_id: Option<ByteString>,
    pub(super) listening: Vec<Listening>,
    pub(super) attending: Vec<Attendance>,
    /// Where, as the client wrote it.
    pub(super) destinations: Vec<DestinationPattern>,
}

impl FeedSpeaker {
    async fn come(&mut self) {
        self.shared.tell(Event::Connected(self.client.clone())).await;
        for (slot, destination) in std::mem::take(&mut self.destinations).into_iter().enumerate() {
            let (client, id) = (self.client.clone(), ByteString::from(slot.to_string()));
            self.shared.users.subscribed(client.id(), id.clone(), destination.clone());
            self.shared.tell(Event::Subscribed { client, id, destination }).await;
        }
    }

    async fn leave(&mut self, disconnect: &Disconnect) {
        self.listening.clear();
        self.attending.clear();
        self.shared.part(&self.client, self.token_id.as_ref(), disconnect).await;
    }
}

impl Speaker for FeedSpeaker {
    fn opened<'a>(&'a mut self, _: &'a SessionHandle) -> BoxFuture<'a, ()> {
        Box::pin(self.come())
    }

    fn message<'a>(&'a mut self, _: &'a SessionHandle, _: Message) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn ended<'a>(&'a mut self, _: &'a SessionHandle, disconnect: &'a Disconnect) -> BoxFuture<'a, ()> {
        Box::pin(self.leave(disconnect))
    }
}
