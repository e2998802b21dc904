//! SUBSCRIBE and UNSUBSCRIBE.

use super::catch_up::CatchUp;
use super::refusal::Refusal;
use super::speaker::StompSpeaker;
use crate::broker::Kind as BrokerKind;
use crate::messaging::{AddressError, Event, Inbound, Kind, Request, SubscribeAddress};
use crate::model::{AckMode, Destination, DestinationPattern, Disconnect, Headers, Message, Transport};
use crate::node::SessionHandle;
use crate::node::broker::{Attendance, Consuming, Form, HISTORY, Listening, Past, Place, SINCE, Wanted};
use crate::node::hub::Leaving;
use crate::policy::Decision;
use crate::protocol::stomp::{Failure, Subscribe, SubscriptionId, Version};
use bytestring::ByteString;
use std::sync::Arc;

/// A subscription of this session, for as long as it is held.
pub(super) struct Subscription {
    pub(super) id: SubscriptionId,
    /// A number that the session uses once.
    pub(super) place: u64,
    pub(super) ack: AckMode,
    pub(super) source: Source,
    /// What makes the client present there.
    #[expect(dead_code, reason = "held, and given up when dropped")]
    attendance: Option<Box<Attendance>>,
    /// Where, as the client wrote it.
    destination: DestinationPattern,
}

/// Where a subscription's messages come from.
pub(super) enum Source {
    /// The application answered once; nothing else comes.
    Answer,
    /// Topics, or what is the session's and its user's own.
    Topics(Vec<Listening>),
    /// A topic, and its past before.
    Past(Arc<CatchUp>),
    Queue(Consuming),
}

impl Source {
    /// Ends it. When what is answered is done, nothing comes of it any more.
    fn end(self) -> Vec<Leaving> {
        match self {
            Self::Answer | Self::Queue(_) => Vec::new(),
            Self::Topics(listening) => listening.into_iter().filter_map(Listening::end).collect(),
            Self::Past(catch_up) => catch_up.end().into_iter().collect(),
        }
    }
}

impl StompSpeaker {
    pub(super) async fn subscribe(&mut self, session: &SessionHandle, subscribe: Subscribe) -> Result<(), Refusal> {
        let Subscribe { id, destination, ack, headers, receipt } = subscribe;
        let subscribed = self.start(session, &id, destination.clone(), ack, headers).await;
        if let Err(refusal) = subscribed {
            self.connection.refused(&id);
            return Err(refusal.about("SUBSCRIBE", &destination).with_receipt(receipt));
        }
        self.receipt(session, receipt);
        Ok(())
    }

    async fn start(
        &mut self,
        session: &SessionHandle,
        id: &SubscriptionId,
        destination: ByteString,
        ack: AckMode,
        headers: Headers,
    ) -> Result<(), Refusal> {
        if headers.get("selector").is_some() {
            return Err(Refusal::forbidden("selector is not evaluated here; subscribe to narrower destinations"));
        }
        let destination = DestinationPattern::parse(destination).map_err(AddressError::from)?;
        let inbound = Inbound::Subscribe { destination, headers };
        let Some(Inbound::Subscribe { destination, headers }) =
            self.shared.dispatcher.inbound(&self.client, inbound)?
        else {
            return Ok(());
        };
        let address = SubscribeAddress::of(destination.clone(), self.shared.messaging())?;
        match self.shared.may_subscribe(&self.client, &destination, &address).await {
            Decision::Allow if session.is_open() => {}
            // It was sent away while somebody was asked: nobody is to hear that it came.
            Decision::Allow => return Err(Refusal::KnownToClient),
            decision => return Err(Refusal::denied(decision)),
        }
        let is_brokered = matches!(address, SubscribeAddress::Broker(_));
        let place = self.next_place;
        self.next_place += 1;
        let source = self.source(session, address, id, (place, ack), headers).await?;
        if self.subscriptions.is_empty() {
            // Most clients have one or two, and every session pays for the room.
            self.subscriptions.reserve_exact(1);
        }
        let attendance = is_brokered.then(|| self.shared.attend(&self.client, &destination)).flatten().map(Box::new);
        let held = destination.clone();
        self.subscriptions.push(Subscription { id: id.clone(), place, ack, source, attendance, destination: held });
        self.tell_subscribed(id, destination).await;
        Ok(())
    }

    async fn source(
        &mut self,
        session: &SessionHandle,
        address: SubscribeAddress,
        id: &SubscriptionId,
        (place, ack): (u64, AckMode),
        headers: Headers,
    ) -> Result<Source, Refusal> {
        let form = self.form(session, id, place, ack);
        match address {
            SubscribeAddress::App(destination) => {
                self.answer(session, destination, headers, &form).await?;
                Ok(Source::Answer)
            }
            SubscribeAddress::OwnUser(suffix) => Ok(Source::Topics(self.own(session, &suffix, &form)?)),
            SubscribeAddress::Presence { at, of } => {
                Ok(Source::Topics(vec![self.watch(session, Place { at, of }, form)?]))
            }
            SubscribeAddress::Broker(pattern) => match self.shared.broker.settings().kind_of_pattern(&pattern)? {
                BrokerKind::Topic => self.listen(session, pattern, &headers, form),
                BrokerKind::Queue => self.consume(session, &pattern, (place, ack), &headers, form).map(Source::Queue),
            },
        }
    }

    /// The application's one answer.
    async fn answer(
        &self,
        session: &SessionHandle,
        destination: Destination,
        headers: Headers,
        form: &Form,
    ) -> Result<(), Refusal> {
        let (client, messenger) = (self.client.clone(), self.shared.messenger());
        let request = Request::new(Kind::Subscribe, destination, Message::text(""), client, messenger);
        let outcome = self.shared.dispatcher.dispatch(request.with_headers(headers)).await;
        Ok(self.deliver(session, outcome, Some(form)).await?)
    }

    fn listen(
        &self,
        session: &SessionHandle,
        pattern: DestinationPattern,
        headers: &Headers,
        form: Form,
    ) -> Result<Source, Refusal> {
        let (broker, cell) = (&self.shared.broker, &session.0);
        let Some(past) = past(headers)? else { return Ok(Source::Topics(vec![broker.listen(pattern, cell, form)?])) };
        let destination = pattern.as_destination().ok_or(AddressError::Wildcard)?;
        let late = broker.listen_late(past, destination, cell, form)?;
        Ok(Source::Past(CatchUp::begin(&self.shared, cell, late)))
    }

    /// Who is there, and then who comes and goes.
    fn watch(&self, session: &SessionHandle, place: Place, form: Form) -> Result<Listening, Refusal> {
        let broker = &self.shared.broker;
        if broker.settings().presence(&place.of).is_none() {
            return Err(AddressError::NoPresence.into());
        }
        // A session that has ended misses it.
        let tell = |here| _ = session.0.send(broker.message(here, &form));
        Ok(broker.watch(&place, &session.0, form.clone(), tell)?)
    }

    /// What is sent to this session, and to all of its user's.
    fn own(&self, session: &SessionHandle, suffix: &Destination, form: &Form) -> Result<Vec<Listening>, Refusal> {
        let destination = self.shared.messaging().user_destination(suffix)?;
        let inboxes = self.shared.inboxes(&self.client, &destination);
        Ok(inboxes.map(|inbox| self.shared.broker.open(inbox, &session.0, form.clone())).collect())
    }

    fn consume(
        &self,
        session: &SessionHandle,
        pattern: &DestinationPattern,
        (place, ack): (u64, AckMode),
        headers: &Headers,
        form: Form,
    ) -> Result<Consuming, Refusal> {
        let destination = pattern.as_destination().ok_or(AddressError::Wildcard)?;
        let prefetch = headers
            .get("prefetch-count")
            .map(|count| count.trim_matches(' ').parse().map_err(|_| bad_header("prefetch-count has to be a number")));
        let consumer = (&session.0, form);
        Ok(self.shared.broker.consume(&destination, place, ack, prefetch.transpose()?, consumer)?)
    }

    fn form(&self, session: &SessionHandle, id: &SubscriptionId, place: u64, ack: AckMode) -> Form {
        Form::new(Wanted {
            version: self.connection.version().unwrap_or(Version::V1_0),
            subscription: id.header().cloned(),
            place,
            acknowledged: ack != AckMode::Auto,
            binary: self.connection.answers_in_binary(),
            text_only: session.transport() != Transport::RawWebsocket,
        })
    }

    async fn tell_subscribed(&self, id: &SubscriptionId, destination: DestinationPattern) {
        let id = id.as_text().clone();
        self.shared.users.subscribed(self.client.id(), id.clone(), destination.clone());
        self.shared.tell(Event::Subscribed { client: self.client.clone(), id, destination }).await;
    }

    /// Ends all subscriptions.
    pub(super) async fn unsubscribe_all(&mut self) {
        let sources = self.subscriptions.drain(..).map(|subscription| subscription.source);
        end(sources.flat_map(Source::end).collect()).await;
    }

    pub(super) async fn unsubscribe(&mut self, id: &SubscriptionId) {
        let Some(at) = self.subscriptions.iter().position(|subscription| subscription.id == *id) else { return };
        let Subscription { destination, source, .. } = self.subscriptions.remove(at);
        end(source.end()).await;
        let id = id.as_text().clone();
        self.shared.users.unsubscribed(self.client.id(), &id);
        self.shared.tell(Event::Unsubscribed { client: self.client.clone(), id, destination }).await;
    }
}

/// Waits until nothing comes any more of what was left, so that what is said next comes behind all of it.
async fn end(leaving: Vec<Leaving>) {
    for leaving in leaving {
        leaving.done().await;
    }
}

/// What a SUBSCRIBE asks for of the past.
fn past(headers: &Headers) -> Result<Option<Past>, Refusal> {
    if let Some(offset) = headers.get(SINCE) {
        let offset = offset.parse().map_err(|()| bad_header("since has to be the offset header of a message"))?;
        return Ok(Some(Past::Since(offset)));
    }
    let count = headers.get(HISTORY).map(|count| count.trim_matches(' ').parse());
    let count = count.map(|count| count.map_err(|_| bad_header("history has to be a number")));
    Ok(count.transpose()?.map(Past::Last))
}

/// The frame is a frame, and what it asks for is only not done.
fn bad_header(problem: &str) -> Refusal {
    Refusal::Told(Failure::new(Disconnect::STOMP_PROTOCOL_ERROR, "Bad header", format!("{problem}.")))
}
