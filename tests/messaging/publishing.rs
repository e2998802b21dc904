use super::stage::{Recorder, SESSION, ada, client, destination, published, request};
use byway::messaging::{ErrorKind, Json, Messages, Messenger, OutgoingDelivery, PublishError, Text};
use byway::{DestinationError, Disconnect, Publication, SessionId};
use std::collections::BTreeMap;

fn json(to: &str, body: &'static str) -> Publication {
    Publication::new(destination(to), body).with_header("content-type", "application/json")
}

#[test]
fn a_messenger_sends_json_or_what_it_is_given() {
    let outlet = Recorder::new();
    let to = outlet.messenger();
    to.send("/topic/a", &[1, 2]).unwrap();
    to.send("/topic/a", "text").unwrap();
    to.send_payload("/topic/a", Text("text".into())).unwrap();
    let text = Publication::new(destination("/topic/a"), "text").with_header("content-type", "text/plain");
    let sent = [json("/topic/a", "[1,2]"), json("/topic/a", "\"text\""), text].map(OutgoingDelivery::Publish);
    assert_eq!(outlet.take(), sent);
}

#[test]
fn what_was_checked_once_is_sent_to_as_it_is() {
    let outlet = Recorder::new();
    let (to, checked) = (outlet.messenger(), destination("/topic/a"));
    to.send(&checked, &1).unwrap();
    to.send(checked, &2).unwrap();
    assert_eq!(outlet.take(), [json("/topic/a", "1"), json("/topic/a", "2")].map(OutgoingDelivery::Publish));
}

#[test]
fn users_and_sessions_get_what_they_call_their_own() {
    let outlet = Recorder::new();
    let to = outlet.messenger();
    to.send_to_user("a/d%a", "/queue/x", &1).unwrap();
    to.send_to_session(SESSION, "/topic/y", &2).unwrap();
    to.send_payload_to_session(SESSION, "/topic/y", Json(2)).unwrap();
    let own = OutgoingDelivery::ToSession { session: SESSION, publication: json("/user/topic/y", "2") };
    let user = OutgoingDelivery::ToUser { name: "a/d%a".into(), publication: json("/user/queue/x", "1") };
    assert_eq!(outlet.take(), [user, own.clone(), own]);
}

#[test]
fn what_cannot_be_published_says_why() {
    let outlet = Recorder::new();
    let to = outlet.messenger();
    let empty = PublishError::InvalidDestination(DestinationError::EmptySegment);
    assert_eq!(to.send("/topic//a", &1), Err(empty.clone()));
    assert_eq!(to.send_to_user("ada", "/queue/", &1), Err(empty));
    let no_queue = PublishError::NotPublishable(destination("/user/x"));
    assert_eq!(to.send_to_user("ada", "/x", &1), Err(no_queue));
    assert_eq!(to.send("/app/x", &1), Err(PublishError::NotPublishable(destination("/app/x"))));
    assert!(matches!(to.send("/topic/a", &BTreeMap::from([((1, 2), 3)])), Err(PublishError::NotJson(_))));
    assert_eq!(outlet.take(), []);
}

#[tokio::test]
async fn a_full_queue_is_told_to_the_sender_and_the_servers_own_mistake_is_not() {
    let app = Messages::new().on_send("/{to}", async |request: byway::messaging::Path<String>, to: Messenger| {
        let destination = if request.0 == "full" { "/queue/full" } else { "/app/x" };
        to.send(destination, &1)
    });
    let app = app.build().unwrap();
    let error = async |to| app.dispatch(request(to, "", ada())).await.error.unwrap();
    assert_eq!(error("/app/full").await.to_string(), "the queue is full");
    assert_eq!(error("/app/else").await.kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn what_a_handler_sends_by_its_messenger_goes_out_before_its_answer() {
    let outlet = Recorder::new();
    let handler = async |to: Messenger| {
        to.send("/topic/first", &1)?;
        Ok::<_, PublishError>(Text("second".into()))
    };
    let app = Messages::new().on_send("/a", handler).build().unwrap();
    let mut asked = request("/app/a", "", ada());
    asked.messenger = outlet.messenger();
    let answer = app.dispatch(asked).await;
    assert_eq!(outlet.take(), [OutgoingDelivery::Publish(json("/topic/first", "1"))]);
    assert_eq!(published(Ok(answer.deliveries)).1, "second");
}

#[test]
fn a_user_can_be_disconnected_with_all_sessions() {
    let outlet = Recorder::new();
    for id in [1, 2] {
        outlet.users.connected(&client(SessionId(id), Some("ada"))).unwrap();
    }
    let bye = Disconnect::application(4000, "bye").unwrap();
    assert_eq!(outlet.messenger().disconnect_user("ada", &bye), 2);
    assert_eq!(outlet.messenger().disconnect_user("bob", &bye), 0);
    assert_eq!(*outlet.ended.lock().unwrap(), [(SessionId(1), bye.clone()), (SessionId(2), bye)]);
}
