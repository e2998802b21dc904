//! SEND: to the application, to a user, or to the broker.

use super::refusal::Refusal;
use super::speaker::StompSpeaker;
use crate::broker::Account;
use crate::messaging::{AddressError, Inbound, Kind, MessageError, Outcome, OutgoingDelivery, Request, SendAddress};
use crate::model::{Destination, Headers, Message, Publication};
use crate::node::SessionHandle;
use crate::node::broker::{Form, OWN_HEADERS, Owner};
use crate::policy::Action;
use crate::protocol::stomp::Send;
use bytestring::ByteString;
use std::sync::Arc;

/// Where a session brings a new token: `Authorization: Bearer ...`, or `token`, as on CONNECT.
pub(super) const REFRESH: &str = "/byway/token";

/// What a session subscribes, below `/user`, to hear why its messages failed without being ended over them.
const ERRORS: &str = "/queue/errors";

/// A SEND that may be carried out.
pub(super) enum Checked {
    /// The session goes on with another token.
    Refresh(Headers),
    /// An interceptor dropped it.
    Dropped,
    To(SendAddress, Publication),
}

impl StompSpeaker {
    /// What a SEND means, if the client may do it.
    pub(super) async fn check(&self, send: Send) -> Result<Checked, Refusal> {
        let Send { destination, headers, body, .. } = send;
        if *destination == *REFRESH {
            self.charge(None, 0).await?;
            return Ok(Checked::Refresh(headers));
        }
        let checked = self.check_publication(destination.clone(), headers, body).await;
        checked.map_err(|refusal| refusal.about("SEND", &destination))
    }

    async fn check_publication(
        &self,
        destination: ByteString,
        mut headers: Headers,
        body: Message,
    ) -> Result<Checked, Refusal> {
        headers.retain(|name| !OWN_HEADERS.contains(&name));
        let destination = match Destination::parse(destination) {
            Ok(destination) => destination,
            // What is wrong counts all the same.
            Err(error) => {
                self.charge(None, body.len()).await?;
                return Err(AddressError::from(error).into());
            }
        };
        let publication = Publication { destination, headers, body };
        self.charge(Some(&publication.destination), publication.size()).await?;
        let inbound = Inbound::Send(publication);
        let Some(Inbound::Send(publication)) = self.shared.dispatcher.inbound(&self.client, inbound)? else {
            return Ok(Checked::Dropped);
        };
        let address = SendAddress::of(publication.destination.clone(), self.shared.messaging())?;
        let target = publication.destination.clone().into();
        let is_personal = matches!(address, SendAddress::User { .. });
        self.shared.authorize(&self.client, Action::Send, &target, is_personal).await?;
        if let SendAddress::Broker(destination) = &address {
            self.shared.broker.check(destination)?;
        }
        Ok(Checked::To(address, publication))
    }

    pub(super) async fn carry_out_send(
        &mut self,
        session: &SessionHandle,
        checked: Checked,
        receipt: Option<&ByteString>,
    ) -> Result<(), Refusal> {
        match checked {
            Checked::Refresh(headers) => self.refresh(session, headers).await,
            Checked::Dropped => Ok(()),
            Checked::To(address, publication) => self.pass_on(session, address, publication, receipt).await,
        }
    }

    async fn pass_on(
        &self,
        session: &SessionHandle,
        address: SendAddress,
        publication: Publication,
        receipt: Option<&ByteString>,
    ) -> Result<(), Refusal> {
        let destination = publication.destination.clone();
        let passed = match address {
            SendAddress::App(_) => self.ask_application(session, publication, receipt).await,
            SendAddress::User { name, suffix } => self.send_to_user(name, &suffix, publication).await,
            SendAddress::Broker(_) => {
                self.shared.publish_for(self.account(session), publication).await.map_err(Into::into)
            }
        };
        passed.map_err(|refusal| refusal.about("SEND", destination.as_str()))
    }

    /// The user's sessions see the destination as they subscribed it.
    async fn send_to_user(
        &self,
        name: ByteString,
        suffix: &Destination,
        publication: Publication,
    ) -> Result<(), Refusal> {
        let destination = self.shared.messaging().user_destination(suffix.as_text().clone())?;
        let publication = Publication { destination, ..publication };
        Ok(self.shared.publish_to_for_client(Owner::User(name), publication).await.map(drop)?)
    }

    async fn ask_application(
        &self,
        session: &SessionHandle,
        publication: Publication,
        receipt: Option<&ByteString>,
    ) -> Result<(), Refusal> {
        let Publication { destination, headers, body } = publication;
        let (client, messenger) = (self.client.clone(), self.shared.messenger());
        let request = Request::new(Kind::Send, destination.clone(), body, client, messenger);
        let outcome = self.shared.dispatcher.dispatch(request.with_headers(headers)).await;
        let delivered = self.deliver(session, outcome, None).await;
        delivered.or_else(|error| self.tell_error(error, &destination, receipt))
    }

    /// Sends what a handler wants to be sent, for whom it answers. `form` is that of the subscription that is answered.
    pub(super) async fn deliver(
        &self,
        session: &SessionHandle,
        outcome: Outcome,
        form: Option<&Form>,
    ) -> Result<(), MessageError> {
        if let Some(error) = outcome.error {
            return Err(error);
        }
        for delivery in outcome.deliveries {
            match delivery {
                OutgoingDelivery::Publish(publication) => {
                    self.shared.publish_for(self.account(session), publication).await?;
                }
                OutgoingDelivery::ToUser { name, publication } => {
                    self.shared.publish_to_for_client(Owner::User(name), publication).await?;
                }
                OutgoingDelivery::ToSession { session, publication } => {
                    self.shared.publish_to_for_client(Owner::Session(session), publication).await?;
                }
                OutgoingDelivery::ToSubscription(publication) => {
                    if let Some(form) = form {
                        session.0.send(self.shared.broker.message(publication, form)).ok();
                    }
                }
            }
        }
        Ok(())
    }

    /// Who holds what the broker keeps of this client's.
    pub(super) fn account<'a>(&self, session: &'a SessionHandle) -> &'a Arc<Account> {
        self.shared.broker.account(&session.0)
    }

    /// Tells the client at its own `/queue/errors` that a message failed, where it listens there; otherwise it is refused.
    fn tell_error(
        &self,
        error: MessageError,
        destination: &Destination,
        receipt: Option<&ByteString>,
    ) -> Result<(), Refusal> {
        let errors = self.shared.messaging().user_destination(ERRORS)?;
        let mut publication = Publication::new(errors, error.text().clone())
            .with_header("message", error.kind().label())
            .with_header("failed-destination", destination.as_text().clone())
            .with_header("content-type", "text/plain");
        if let Some(receipt) = receipt {
            publication = publication.with_header("failed-receipt", receipt.clone());
        }
        match self.shared.publish_to(Owner::Session(self.client.id()), publication) {
            Ok(true) => Err(Refusal::KnownToClient),
            Ok(false) | Err(_) => Err(error.into()),
        }
    }
}
