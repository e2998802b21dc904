use super::command::{self, required};
use super::transaction::Transactions;
use super::{Action, Command, Connect, Decoder, Event, Failure, Frame, StompSettings, SubscriptionId, Version, encode};
use crate::model::Message;
use bytestring::ByteString;
use std::sync::Arc;

/// The server's side of one STOMP connection: a client's messages in, checked [`Event`]s out.
///
/// - In: [`receive`](Self::receive), then [`next_event`](Self::next_event) until it answers none. Events come one at a time,
///   in the order of their frames, and a failure behind all that came before it.
/// - After [`Event::Connect`] nothing comes until [`connected`](Self::connected), so that nothing happens for a client that
///   is not let in. What the client has sent already waits.
/// - Out: [`connected`](Self::connected), [`receipt`](Self::receipt), [`error`](Self::error), and
///   [`Tail::message`](super::Tail::message) for what subscribers get.
/// - Time: the caller runs `connect_timeout` until connected, `frame_timeout` while [`is_partial`](Self::is_partial), and
///   the heartbeats of [`Connect::heartbeat`]; whatever the client does counts as a sign of life.
///
/// ```
/// use byway::protocol::stomp::{Action, Connection, Event};
/// use std::sync::Arc;
///
/// let mut connection = Connection::new(Arc::default());
/// connection.receive("CONNECT\naccept-version:1.2\n\n\0SEND\ndestination:/topic/a\n\nhello\0".into());
/// let Some(Event::Connect(connect)) = connection.next_event()? else { panic!("no CONNECT") };
/// let connected = connection.connected(&connect, "s1", None);
/// assert!(connected.as_str().is_some_and(|frame| frame.starts_with("CONNECTED\nversion:1.2\n")));
///
/// let Some(Event::Action(Action::Send(send))) = connection.next_event()? else { panic!("no SEND") };
/// assert_eq!((&*send.destination, send.body), ("/topic/a", "hello".into()));
/// assert_eq!(connection.next_event()?, None);
/// # Ok::<(), byway::protocol::stomp::Failure>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    settings: Arc<StompSettings>,
    decoder: Decoder,
    state: State,
    answers_in_binary: bool,
    /// The ids that are taken, sorted. Most clients have one or two, and every session pays for the room.
    subscriptions: Vec<(SubscriptionId, Held)>,
    /// What their ids take.
    id_bytes: usize,
    transactions: Transactions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// CONNECT has not come.
    Fresh,
    /// CONNECT has come and is not answered.
    Connecting(Version),
    /// CONNECTED was sent.
    Open(Version),
    /// DISCONNECT has come.
    Leaving(Version),
    /// The client broke a rule.
    Failed(Option<Version>),
}

impl Connection {
    /// A connection that was just opened. A WebSocket's sub-protocol makes no difference to it: see
    /// [`Version::from_subprotocol`].
    pub fn new(settings: Arc<StompSettings>) -> Self {
        Self {
            decoder: Decoder::new(settings.clone()),
            settings,
            state: State::Fresh,
            answers_in_binary: false,
            subscriptions: Vec::new(),
            id_bytes: 0,
            transactions: Transactions::default(),
        }
    }

    /// Takes one message of the client, of either kind. A frame may be spread over many, and one may hold many.
    pub fn receive(&mut self, message: Message) {
        if !matches!(self.state, State::Failed(_)) {
            self.decoder.feed(message);
        }
    }

    /// What the client asks for next; none when more is needed to know, when CONNECT waits for its answer, and after a
    /// failure.
    ///
    /// # Errors
    /// When the client broke a rule or a limit: send [`error`](Self::error) and close. What does no harm is an event,
    /// [`Event::Refused`].
    pub fn next_event(&mut self) -> Result<Option<Event>, Failure> {
        let next = self.advance();
        if next.is_err() {
            self.state = State::Failed(self.version());
        }
        next
    }

    /// Lets the client in, whose `connect` came last, and answers CONNECTED.
    ///
    /// `session` is any unique name for the connection and no secret; `user` is who the client turned out to be.
    pub fn connected(&mut self, connect: &Connect, session: &str, user: Option<&str>) -> Message {
        self.state = State::Open(connect.version);
        self.in_kind(encode::connected(connect, session, user))
    }

    /// The caller refused this subscription, and goes on.
    pub fn refused(&mut self, id: &SubscriptionId) {
        if let Ok(at) = self.find(id) {
            self.subscriptions[at].1 = Held::Refused;
        }
    }

    /// The RECEIPT for a frame that asked for one.
    pub fn receipt(&self, id: &str) -> Message {
        self.in_kind(encode::receipt(self.version().unwrap_or(Version::V1_0), id))
    }

    /// The ERROR that tells a failure. It is the last frame: STOMP 1.2 has the server close the connection behind it.
    pub fn error(&self, failure: &Failure) -> Message {
        self.in_kind(failure.to_frame(self.version()))
    }

    /// The version, from CONNECT on.
    pub fn version(&self) -> Option<Version> {
        match self.state {
            State::Fresh => None,
            State::Connecting(version) | State::Open(version) | State::Leaving(version) => Some(version),
            State::Failed(version) => version,
        }
    }

    /// Whether CONNECT came in a binary message: such a client gets all its frames in binary messages.
    pub fn answers_in_binary(&self) -> bool {
        self.answers_in_binary
    }

    /// True between the first byte of a frame and its last.
    pub fn is_partial(&self) -> bool {
        self.decoder.is_partial()
    }

    /// How many bytes the connection holds of what its client has not ended: a frame, transactions, and the ids of
    /// subscriptions.
    pub fn held_bytes(&self) -> usize {
        self.decoder.held_bytes() + self.transactions.bytes() + self.id_bytes
    }

    /// The frame in the kind of message that the client speaks. It shares the content.
    pub fn in_kind(&self, frame: Message) -> Message {
        if self.answers_in_binary { frame.into_binary() } else { frame }
    }

    fn advance(&mut self) -> Result<Option<Event>, Failure> {
        while !matches!(self.state, State::Connecting(_) | State::Failed(_)) {
            let Some(mut frame) = self.decoder.next_frame()? else { break };
            let receipt = frame.headers.remove("receipt");
            match self.event(frame, receipt.clone()) {
                Ok(None) => {}
                Err(failure) if failure.is_harmless() => {
                    return Ok(Some(Event::Refused(failure.with_receipt(receipt))));
                }
                done => return done.map_err(|failure| failure.with_receipt(receipt)),
            }
        }
        Ok(None)
    }

    fn event(&mut self, frame: Frame, receipt: Option<ByteString>) -> Result<Option<Event>, Failure> {
        match (self.state, frame.command) {
            (State::Fresh, _) => self.connect(frame).map(Some),
            (State::Open(_), Command::Connect) => {
                Err(Failure::sequence("Already connected", "CONNECT is the first frame and no other."))
            }
            (State::Open(version), _) => self.open(frame, version, receipt),
            _ => Err(Failure::sequence("Frame after DISCONNECT", "DISCONNECT is the last frame.")),
        }
    }

    /// The decoder lets nothing but CONNECT through before there is a version.
    fn connect(&mut self, frame: Frame) -> Result<Event, Failure> {
        self.answers_in_binary = matches!(frame.body, Message::Binary(_));
        let connect = command::connect(frame, &self.settings)?;
        self.decoder.set_version(connect.version);
        self.state = State::Connecting(connect.version);
        Ok(Event::Connect(connect))
    }

    fn open(
        &mut self,
        mut frame: Frame,
        version: Version,
        receipt: Option<ByteString>,
    ) -> Result<Option<Event>, Failure> {
        match frame.command {
            Command::Send | Command::Ack | Command::Nack => self.action(frame, version, receipt),
            Command::Subscribe => {
                let subscribe = command::subscribe(frame.headers, version, receipt)?;
                self.take_id(&subscribe.id)?;
                Ok(Some(Event::Subscribe(subscribe)))
            }
            Command::Unsubscribe => {
                let id = command::unsubscribe(frame.headers, version)?;
                self.free_id(&id)?;
                Ok(Some(Event::Unsubscribe { id, receipt }))
            }
            Command::Begin => {
                self.transactions.begin(&required(&mut frame.headers, "transaction")?, &self.settings)?;
                Ok(receipt.map(Event::Receipt))
            }
            Command::Abort => {
                self.transactions.end(&required(&mut frame.headers, "transaction")?)?;
                Ok(receipt.map(Event::Receipt))
            }
            Command::Commit => {
                let actions = self.transactions.end(&required(&mut frame.headers, "transaction")?)?;
                Ok(Some(Event::Commit { actions, receipt }))
            }
            // CONNECT was refused before.
            Command::Connect | Command::Disconnect => {
                self.state = State::Leaving(version);
                self.transactions = Transactions::default();
                Ok(Some(Event::Disconnect { receipt }))
            }
        }
    }

    /// Hands an action out, or keeps it for its transaction. What is kept has its receipt at once: a client may wait for it
    /// before it commits.
    fn action(
        &mut self,
        mut frame: Frame,
        version: Version,
        receipt: Option<ByteString>,
    ) -> Result<Option<Event>, Failure> {
        let Some(transaction) = frame.headers.remove("transaction") else {
            return Ok(Some(Event::Action(read_action(frame, version, receipt)?)));
        };
        let cost = frame.cost();
        let action = read_action(frame, version, None)?;
        self.transactions.add(&transaction, action, cost, &self.settings)?;
        Ok(receipt.map(Event::Receipt))
    }

    /// Different subscriptions have different ids (STOMP 1.2, "SUBSCRIBE id Header"). One that was refused can be asked for
    /// again.
    fn take_id(&mut self, id: &SubscriptionId) -> Result<(), Failure> {
        let full = self.subscriptions.len() >= self.settings.max_subscriptions;
        match self.find(id) {
            Ok(at) if self.subscriptions[at].1 == Held::Taken => {
                Err(Failure::sequence("Subscription id in use", "Each subscription has an id of its own."))
            }
            Ok(at) => {
                self.subscriptions[at].1 = Held::Taken;
                Ok(())
            }
            Err(_) if full => {
                Err(Failure::limit("Too many subscriptions", "Unsubscribe before the next subscription.").harmless())
            }
            Err(at) => {
                self.insert(at, id.clone());
                Ok(())
            }
        }
    }

    /// Where an id is, or would have to be.
    fn find(&self, id: &SubscriptionId) -> Result<usize, usize> {
        self.subscriptions.binary_search_by(|(known, _)| known.cmp(id))
    }

    fn insert(&mut self, at: usize, id: SubscriptionId) {
        if self.subscriptions.is_empty() {
            self.subscriptions.reserve_exact(1);
        }
        self.id_bytes += id_cost(&id);
        self.subscriptions.insert(at, (id, Held::Taken));
    }

    /// UNSUBSCRIBE means a subscription that there is (STOMP 1.2, "UNSUBSCRIBE"), or one that was refused: its client may
    /// have sent both at once.
    fn free_id(&mut self, id: &SubscriptionId) -> Result<(), Failure> {
        let unknown = |_| Failure::sequence("Unknown subscription", "UNSUBSCRIBE names a subscription that there is.");
        let at = self.find(id).map_err(|at| unknown(at).harmless())?;
        self.id_bytes -= id_cost(&self.subscriptions.remove(at).0);
        Ok(())
    }
}

/// An id is kept here and by whoever hands out the subscription's messages.
fn id_cost(id: &SubscriptionId) -> usize {
    2 * (size_of::<SubscriptionId>() + id.as_text().len())
}

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Taken,
    Refused,
}

fn read_action(frame: Frame, version: Version, receipt: Option<ByteString>) -> Result<Action, Failure> {
    match frame.command {
        Command::Ack => command::ack(frame.headers, version, receipt).map(Action::Ack),
        Command::Nack => command::ack(frame.headers, version, receipt).map(Action::Nack),
        _ => command::send(frame, receipt).map(Action::Send),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_below_256_bytes() {
        assert!(size_of::<Connection>() < 256, "{}", size_of::<Connection>());
    }
}
