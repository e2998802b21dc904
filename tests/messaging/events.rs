use super::stage::{Recorder, SESSION, ada, client};
use byway::messaging::{Client, Dispatcher, Event, Messages};
use byway::{DestinationPattern, Disconnect, SessionId};
use std::sync::{Arc, Mutex};

type Log = Arc<Mutex<Vec<String>>>;

/// An application whose two listeners write down what they hear.
fn app() -> (Dispatcher, Log) {
    let log = Log::default();
    let listener = |name: &'static str| {
        let log = log.clone();
        move |event: Event, _| {
            let log = log.clone();
            async move {
                tokio::task::yield_now().await;
                log.lock().unwrap().push(format!("{name} {}", describe(&event)));
            }
        }
    };
    let app = Messages::new().on_event(listener("one")).on_event(listener("two")).build().unwrap();
    (app, log)
}

fn describe(event: &Event) -> String {
    match event {
        Event::Connect(client) => format!("connect {}", client.id()),
        Event::Connected(client) => format!("connected {}", client.id()),
        Event::Subscribed { id, destination, .. } => format!("subscribed {id} {destination}"),
        Event::Unsubscribed { id, .. } => format!("unsubscribed {id}"),
        Event::Disconnected { disconnect, .. } => format!("disconnected {}", disconnect.label()),
    }
}

fn subscribed(client: &Client) -> Event {
    let destination = DestinationPattern::parse("/topic/*").unwrap();
    Event::Subscribed { client: client.clone(), id: "sub-0".into(), destination }
}

fn unsubscribed(client: &Client) -> Event {
    let destination = DestinationPattern::parse("/topic/*").unwrap();
    Event::Unsubscribed { client: client.clone(), id: "sub-0".into(), destination }
}

fn disconnected(client: &Client) -> Event {
    Event::Disconnected { client: client.clone(), disconnect: Disconnect::GOING_AWAY }
}

/// What the first listener heard.
async fn heard(events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let (app, log) = app();
    for event in events {
        app.tell(event, &Recorder::new().messenger()).await;
    }
    let log = log.lock().unwrap();
    log.iter().filter_map(|line| line.strip_prefix("one ").map(str::to_owned)).collect()
}

#[tokio::test]
async fn listeners_hear_an_event_one_after_the_other() {
    let (app, log) = app();
    app.tell(Event::Connect(ada()), &Recorder::new().messenger()).await;
    assert_eq!(*log.lock().unwrap(), [format!("one connect {SESSION}"), format!("two connect {SESSION}")]);
}

#[tokio::test]
async fn a_sessions_events_come_in_their_order() {
    let ada = ada();
    let events = [
        Event::Connect(ada.clone()),
        Event::Connected(ada.clone()),
        subscribed(&ada),
        unsubscribed(&ada),
        subscribed(&ada),
        disconnected(&ada),
    ];
    let connected = [format!("connect {SESSION}"), format!("connected {SESSION}")];
    let rest = ["subscribed sub-0 /topic/*", "unsubscribed sub-0", "subscribed sub-0 /topic/*"];
    let all: Vec<_> =
        connected.into_iter().chain(rest.map(str::to_owned)).chain(["disconnected going_away".to_owned()]).collect();
    assert_eq!(heard(events).await, all);
}

#[tokio::test]
async fn a_session_disconnects_exactly_once_and_only_if_it_had_connected() {
    let ada = ada();
    let twice = [Event::Connected(ada.clone()), disconnected(&ada), disconnected(&ada), Event::Connected(ada.clone())];
    assert_eq!(heard(twice).await, [format!("connected {SESSION}"), "disconnected going_away".to_owned()]);
    let refused = client(SessionId(8), None);
    assert_eq!(heard([Event::Connect(refused.clone()), disconnected(&refused)]).await, ["connect s8"]);
}

#[tokio::test]
async fn a_subscription_is_only_heard_of_while_its_session_is_connected() {
    let ada = ada();
    let events =
        [subscribed(&ada), Event::Connected(ada.clone()), disconnected(&ada), subscribed(&ada), unsubscribed(&ada)];
    assert_eq!(heard(events).await.len(), 2);
}

#[tokio::test]
async fn a_listener_can_publish() {
    let outlet = Recorder::new();
    let left = async |event: Event, to: byway::messaging::Messenger| {
        to.send("/topic/left", &event.client().id().to_string()).unwrap();
    };
    let app = Messages::new().on_event(left).build().unwrap();
    app.tell(Event::Connected(ada()), &outlet.messenger()).await;
    assert_eq!(super::stage::published(Ok(outlet.take())), ("/topic/left".to_owned(), "\"s7\"".to_owned()));
}
