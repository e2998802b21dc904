//! A client, an outlet that remembers, and applications that are asked.

use byway::broker::{Present, Purged};
use byway::messaging::{
    Client, ClientInfo, DestinationPage, DestinationQuery, Dispatcher, HistoryPage, HistoryQuery, Kind, MessageError,
    MessageHandler, Messages, MessagingSettings, Messenger, Outcome, OutgoingDelivery, Outlet, PublishError, Request,
    Users,
};
use byway::policy::{Revocation, RevocationsFull, Ticket, TicketError, TicketRequest};
use byway::{Destination, Disconnect, Headers, Message, Principal, Publication, SessionId, Transport};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

pub const SESSION: SessionId = SessionId(7);

pub fn anonymous() -> Client {
    client(SESSION, None)
}

pub fn ada() -> Client {
    client(SESSION, Some("ada"))
}

pub fn client(id: SessionId, name: Option<&str>) -> Client {
    let remote = std::net::Ipv4Addr::LOCALHOST.into();
    let info = ClientInfo { id, transport: Transport::Xhr, remote, protocol: Some("v12.stomp".into()) };
    Client::new(info, name.map(Principal::new))
}

pub fn destination(text: &str) -> Destination {
    Destination::parse(text).unwrap()
}

/// Remembers what it is told; refuses `/app/**` and `/queue/full`.
pub struct Recorder {
    pub told: Mutex<Vec<OutgoingDelivery>>,
    pub ended: Mutex<Vec<(SessionId, Disconnect)>>,
    pub users: Users,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { told: Mutex::default(), ended: Mutex::default(), users: Users::new(10) })
    }

    pub fn messenger(self: &Arc<Self>) -> Messenger {
        Messenger::new(self.clone(), Arc::new(MessagingSettings::default()))
    }

    pub fn take(&self) -> Vec<OutgoingDelivery> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    fn tell(&self, delivery: OutgoingDelivery) -> Result<(), PublishError> {
        self.told.lock().unwrap().push(delivery);
        Ok(())
    }
}

impl Outlet for Recorder {
    fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        match publication.destination.as_str() {
            "/queue/full" => Err(PublishError::QueueFull),
            text if text.starts_with("/app/") => Err(PublishError::NotPublishable(publication.destination)),
            _ => self.tell(OutgoingDelivery::Publish(publication)),
        }
    }

    fn to_user(&self, name: &str, publication: Publication) -> Result<(), PublishError> {
        self.tell(OutgoingDelivery::ToUser { name: name.into(), publication })
    }

    fn present(&self, _: &Destination, _: u64, _: usize) -> Option<Present> {
        None
    }

    fn to_session(&self, session: SessionId, publication: Publication) -> Result<(), PublishError> {
        self.tell(OutgoingDelivery::ToSession { session, publication })
    }

    fn disconnect(&self, session: SessionId, disconnect: Disconnect) -> bool {
        self.ended.lock().unwrap().push((session, disconnect));
        true
    }

    fn revoke(&self, _: &Revocation, _: SystemTime) -> Result<usize, RevocationsFull> {
        Ok(0)
    }

    fn issue_ticket(&self, _: TicketRequest) -> Result<Ticket, TicketError> {
        Err(TicketError::Unavailable)
    }

    fn users(&self) -> &Users {
        &self.users
    }

    fn destinations(&self, _: &DestinationQuery) -> DestinationPage {
        DestinationPage::default()
    }

    fn empty(&self, _: &Destination) -> Option<Purged> {
        None
    }

    fn history(&self, _: &HistoryQuery) -> Option<HistoryPage> {
        None
    }
}

/// A SEND of `body` by `client`.
pub fn request(to: &str, body: impl Into<Message>, client: Client) -> Request {
    Request::new(Kind::Send, destination(to), body.into(), client, Recorder::new().messenger())
}

pub fn subscribe(to: &str) -> Request {
    let mut request = request(to, "", ada());
    request.kind = Kind::Subscribe;
    request
}

pub fn header(request: Request, name: &'static str, value: &'static str) -> Request {
    request.with_headers(Headers::from_iter([(name, value)]))
}

/// What comes of a request, where `handler` is at `route` for both kinds.
pub async fn ask<Args: 'static>(
    route: &str,
    handler: impl MessageHandler<Args> + Clone,
    request: Request,
) -> Result<Vec<OutgoingDelivery>, MessageError> {
    let app = Messages::new().on_send(route, handler.clone()).on_subscribe(route, handler);
    answer(&app.build().unwrap(), request).await
}

/// What comes of a request in an application.
pub async fn answer(app: &Dispatcher, request: Request) -> Result<Vec<OutgoingDelivery>, MessageError> {
    let Outcome { deliveries, error, .. } = app.dispatch(request).await;
    error.map_or(Ok(deliveries), Err)
}

/// The text of the only publication to the broker, and where it goes.
pub fn published(deliveries: Result<Vec<OutgoingDelivery>, MessageError>) -> (String, String) {
    match deliveries.unwrap().as_slice() {
        [OutgoingDelivery::Publish(publication)] => text_of(publication),
        other => panic!("one publication expected, not {other:?}"),
    }
}

pub fn text_of(publication: &Publication) -> (String, String) {
    (publication.destination.to_string(), publication.body.as_str().unwrap().to_owned())
}
