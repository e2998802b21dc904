//! One STOMP session: what its client asks for is carried out, in order.

use super::refusal::Refusal;
use super::shared::Shared;
use super::subscribe::Subscription;
use crate::broker::Settlement;
use crate::messaging::{Client, ClientInfo, Refusals};
use crate::model::{Disconnect, Message, Principal, Secret};
use crate::node::handler::Speaker;
use crate::node::{SessionHandle, now};
use crate::policy::SessionRate;
use crate::protocol::stomp::{Action, Connection, Event, Failure};
use crate::session::{Deadline, Ending, KeepAlive, Outgoing};
use bytestring::ByteString;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take to close after its DISCONNECT was answered.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct StompSpeaker {
    pub(super) shared: Arc<Shared>,
    pub(super) connection: Connection,
    /// Who the application knows the session by.
    pub(super) client: Client,
    /// A token that came before CONNECT.
    pub(super) early_token: Option<Secret>,
    pub(super) rate: SessionRate,
    /// By their places, which only grow.
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) next_place: u64,
    pub(super) token_id: Option<ByteString>,
    /// Whether a frame has begun and has not ended.
    partial: bool,
    /// What of all that the connection holds its client's address is charged.
    held: u32,
    /// Whether the client has said DISCONNECT. What comes behind it is nobody's.
    parted: bool,
}

impl StompSpeaker {
    pub(super) fn new(shared: Arc<Shared>, session: &SessionHandle, early_token: Option<Secret>) -> Self {
        Self {
            connection: Connection::new(Arc::clone(&shared.stomp)),
            shared,
            client: client(session),
            early_token,
            rate: SessionRate::default(),
            subscriptions: Vec::new(),
            next_place: 0,
            token_id: None,
            partial: false,
            held: 0,
            parted: false,
        }
    }

    /// Ends the session after a time, unless something else is said of this deadline before.
    pub(super) fn end_after(&self, session: &SessionHandle, deadline: Deadline, after: Duration, failure: Failure) {
        let ending = now().checked_add(after).map(|at| Ending {
            at,
            disconnect: failure.disconnect().clone(),
            last_words: Some(Outgoing::new(self.connection.error(&failure))),
        });
        session.0.end_at(deadline, ending);
    }

    async fn receive(&mut self, session: &SessionHandle, message: Message) {
        self.connection.receive(message);
        let mut frames = false;
        while session.is_heard() && !self.parted {
            let event = match self.connection.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(failure) => return self.fail(session, &failure),
            };
            frames = true;
            match self.carry_out(session, event).await {
                Ok(()) | Err(Refusal::KnownToClient) => {}
                Err(Refusal::Told(failure)) if self.shared.messaging().refusals == Refusals::Keep => {
                    self.reply(session, self.connection.error(&failure));
                }
                Err(Refusal::Told(failure) | Refusal::Fatal(failure)) => return self.fail(session, &failure),
            }
        }
        self.watch_frame(session, frames);
        if !frames {
            self.charge_fragment(session).await;
        }
        if session.0.tenant.holds(&mut self.held, self.connection.held_bytes()).is_err() {
            self.fail(session, &address_full());
        }
    }

    /// A message that ended no frame, such as an EOL or a piece of one, counts as well.
    async fn charge_fragment(&mut self, session: &SessionHandle) {
        if let Err(Refusal::Told(failure) | Refusal::Fatal(failure)) = self.charge(None, 0).await {
            self.fail(session, &failure);
        }
    }

    async fn carry_out(&mut self, session: &SessionHandle, event: Event) -> Result<(), Refusal> {
        // A SEND is charged where its destination is known.
        if !matches!(event, Event::Action(Action::Send(_)) | Event::Connect(_) | Event::Disconnect { .. }) {
            self.charge(None, 0).await?;
        }
        match event {
            Event::Connect(connect) => self.connect(session, connect).await,
            Event::Action(action) => self.act(session, action).await,
            Event::Subscribe(subscribe) => self.subscribe(session, subscribe).await,
            Event::Unsubscribe { id, receipt } => {
                self.unsubscribe(&id).await;
                self.receipt(session, receipt);
                Ok(())
            }
            Event::Commit { actions, receipt } => self.commit(session, actions, receipt).await,
            Event::Receipt(receipt) => {
                self.receipt(session, Some(receipt));
                Ok(())
            }
            Event::Refused(failure) => Err(Refusal::Told(failure)),
            Event::Disconnect { receipt } => {
                self.part(session, receipt).await;
                Ok(())
            }
        }
    }

    /// The client has said its last word. One that asked for a receipt closes when it has that (STOMP 1.2, "DISCONNECT"), and
    /// may be confused by a connection that is closed before; it has a moment for it.
    async fn part(&mut self, session: &SessionHandle, receipt: Option<ByteString>) {
        self.parted = true;
        self.unsubscribe_all().await;
        if receipt.is_none() {
            return session.close();
        }
        let filler = self.shared.phrases.heartbeat(&self.connection);
        session.0.keep_alive(KeepAlive { send_every: None, filler, expect_within: None, last_words: None });
        self.receipt(session, receipt);
        let ending = Ending { at: now() + LINGER, disconnect: Disconnect::NORMAL, last_words: None };
        session.0.end_at(Deadline::Authentication, Some(ending));
    }

    /// Carries out one SEND, ACK or NACK.
    async fn act(&mut self, session: &SessionHandle, action: Action) -> Result<(), Refusal> {
        let receipt = action.receipt().cloned();
        let done = match action {
            Action::Send(send) => match self.check(send).await {
                Ok(checked) if session.is_heard() => self.carry_out_send(session, checked, receipt.as_ref()).await,
                // It was sent away while somebody was asked, who can be slow.
                Ok(_) => Err(Refusal::KnownToClient),
                Err(refusal) => Err(refusal),
            },
            Action::Ack(ack) => self.acknowledge(&ack, Settlement::Ack),
            Action::Nack(ack) => self.acknowledge(&ack, Settlement::Nack),
        };
        done.map_err(|refusal| refusal.with_receipt(receipt.clone()))?;
        self.receipt(session, receipt);
        Ok(())
    }

    pub(super) fn receipt(&self, session: &SessionHandle, id: Option<ByteString>) {
        if let Some(id) = id {
            self.reply(session, self.connection.receipt(&id));
        }
    }

    /// A session that has ended, or does not read, misses it.
    pub(super) fn reply(&self, session: &SessionHandle, frame: Message) {
        session.send(frame).ok();
    }

    fn fail(&self, session: &SessionHandle, failure: &Failure) {
        let last_words = Outgoing::new(self.connection.error(failure));
        session.0.close_with_last_words(failure.disconnect().clone(), last_words);
        session.0.discard_inbox();
    }

    /// A frame that has begun has to end in time, however many messages it takes. `ended` says that others did.
    fn watch_frame(&mut self, session: &SessionHandle, ended: bool) {
        let partial = self.connection.is_partial();
        match (self.partial && !ended, partial) {
            (false, true) => {
                let timeout = self.shared.stomp.frame_timeout;
                self.end_after(session, Deadline::Frame, timeout, Failure::frame_timeout());
            }
            (_, false) if self.partial => session.0.end_at(Deadline::Frame, None),
            _ => {}
        }
        self.partial = partial;
    }
}

fn address_full() -> Failure {
    let detail =
        "Clients of this address have begun frames and transactions that are too large together. Try again later.";
    Failure::new(Disconnect::ADDRESS_FULL, "Too much unfinished", detail)
}

fn client(session: &SessionHandle) -> Client {
    let info = ClientInfo {
        id: session.id(),
        transport: session.transport(),
        remote: session.remote_addr(),
        protocol: session.protocol().map(Into::into),
    };
    Client::new(info, session.principal().cloned())
}

impl Speaker for StompSpeaker {
    fn principal(&self, _: &SessionHandle) -> Option<Principal> {
        self.client.principal()
    }

    fn opened<'a>(&'a mut self, session: &'a SessionHandle) -> BoxFuture<'a, ()> {
        // Whoever does not say CONNECT in time is told so, and sent away.
        let timeout = self.shared.stomp.connect_timeout;
        self.end_after(session, Deadline::Authentication, timeout, Failure::connect_timeout());
        Box::pin(std::future::ready(()))
    }

    fn message<'a>(&'a mut self, session: &'a SessionHandle, message: Message) -> BoxFuture<'a, ()> {
        Box::pin(self.receive(session, message))
    }

    fn ended<'a>(&'a mut self, _: &'a SessionHandle, disconnect: &'a Disconnect) -> BoxFuture<'a, ()> {
        Box::pin(self.leave(disconnect))
    }
}
