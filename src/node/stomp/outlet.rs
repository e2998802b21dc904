//! What the application says and does at an endpoint.

use super::shared::Shared;
use crate::broker::{Account, Present, Purged};
use crate::messaging::{
    DestinationPage, DestinationQuery, HistoryPage, HistoryQuery, MessagingSettings, Outlet, PublishError, Users,
};
use crate::model::{Destination, Disconnect, Publication, SessionId};
use crate::node::broker::Owner;
use crate::policy::{Revocation, RevocationsFull, Ticket, TicketError, TicketRequest};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

impl Shared {
    /// Publishes what interceptors leave of it, in the application's name.
    fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        self.check_publishable(&publication.destination)?;
        let publish = |publication| self.broker.publish(publication, self.broker.application());
        self.outbound(publication).map_or(Ok(()), publish)
    }

    /// The same for a client, who waits where there is no room.
    pub(in crate::node) async fn publish_for(
        &self,
        account: &Arc<Account>,
        publication: Publication,
    ) -> Result<(), PublishError> {
        self.check_publishable(&publication.destination)?;
        match self.outbound(publication) {
            Some(publication) => self.broker.publish_in_turn(publication, account).await,
            None => Ok(()),
        }
    }

    fn check_publishable(&self, destination: &Destination) -> Result<(), PublishError> {
        let MessagingSettings { app_prefix, user_prefix, presence_prefix, .. } = self.messaging();
        let is_below = |prefix: &Destination| destination.is_below(prefix.as_str());
        match [app_prefix, user_prefix, presence_prefix].into_iter().any(is_below) {
            true => Err(PublishError::NotPublishable(destination.clone())),
            false => Ok(()),
        }
    }

    /// What interceptors leave of a publication.
    pub(in crate::node) fn outbound(&self, publication: Publication) -> Option<Publication> {
        self.dispatcher.outbound(publication)
    }

    /// Publishes what is one user's or one session's own; false when nobody hears it.
    pub(in crate::node) fn publish_to(&self, owner: Owner, publication: Publication) -> Result<bool, PublishError> {
        self.outbound(publication).map_or(Ok(true), |publication| self.broker.publish_to(owner, publication))
    }

    /// The same for a client, who waits where there is no room.
    pub(in crate::node) async fn publish_to_for_client(
        &self,
        owner: Owner,
        publication: Publication,
    ) -> Result<bool, PublishError> {
        match self.outbound(publication) {
            Some(publication) => self.broker.publish_to_in_turn(owner, publication).await,
            None => Ok(true),
        }
    }

    /// Takes something back: tokens that it is about are refused until `until`, and its sessions end.
    pub(in crate::node) fn revoke(&self, what: &Revocation, until: SystemTime) -> Result<usize, RevocationsFull> {
        self.revocations.revoke(what.clone(), SystemTime::now(), until)?;
        self.tickets.revoke(what);
        let sessions = match what {
            Revocation::User(name) => self.users.sessions_of(name),
            Revocation::Session(session) => vec![*session],
            Revocation::Token(id) => self.tokens_in_use.sessions(id),
        };
        Ok(sessions.into_iter().filter(|session| self.disconnect(*session, Disconnect::REVOKED)).count())
    }

    fn disconnect(&self, session: SessionId, disconnect: Disconnect) -> bool {
        let node = self.node.get().and_then(Weak::upgrade);
        let Some(cell) = node.and_then(|node| node.registry.get(session)) else { return false };
        cell.close(disconnect);
        cell.discard_inbox();
        true
    }
}

impl Outlet for Shared {
    fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        Self::publish(self, publication)
    }

    fn to_user(&self, name: &str, publication: Publication) -> Result<(), PublishError> {
        self.publish_to(Owner::User(name.into()), publication).map(drop)
    }

    fn to_session(&self, session: SessionId, publication: Publication) -> Result<(), PublishError> {
        self.publish_to(Owner::Session(session), publication).map(drop)
    }

    fn disconnect(&self, session: SessionId, disconnect: Disconnect) -> bool {
        Self::disconnect(self, session, disconnect)
    }

    fn revoke(&self, what: &Revocation, until: SystemTime) -> Result<usize, RevocationsFull> {
        Self::revoke(self, what, until)
    }

    fn issue_ticket(&self, request: TicketRequest) -> Result<Ticket, TicketError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| TicketError::Unavailable)?;
        self.tickets.issue(request, random, SystemTime::now(), |id| self.tokens_in_use.has(id))
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn destinations(&self, query: &DestinationQuery) -> DestinationPage {
        self.broker.destinations(query)
    }

    fn history(&self, query: &HistoryQuery) -> Option<HistoryPage> {
        self.broker.history(query)
    }

    fn empty(&self, destination: &Destination) -> Option<Purged> {
        self.broker.empty(destination)
    }

    fn present(&self, destination: &Destination, after: u64, limit: usize) -> Option<Present> {
        self.broker.present(destination, after, limit)
    }
}
