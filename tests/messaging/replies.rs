use super::stage::{SESSION, ada, anonymous, answer, ask, destination, header, published, request, subscribe, text_of};
use bytes::Bytes;
use byway::Publication;
use byway::messaging::{
    Body, ErrorKind, IntoReply, Json, MessageError, MessageHandler, Messages, OutgoingDelivery, Reply, Request, Result,
    Text, ToSender,
};
use std::num::ParseIntError;
use std::sync::{Arc, Mutex};

/// What comes of a SEND to `/app/chat/blue`.
async fn sent<R, F>(reply: F) -> Vec<OutgoingDelivery>
where
    R: IntoReply + Send + 'static,
    F: Fn() -> R + Clone + Send + Sync + 'static,
{
    ask("/chat/{room}", handler(reply), request("/app/chat/blue", "", ada())).await.unwrap()
}

fn handler<R: IntoReply + Send + 'static>(
    reply: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> impl MessageHandler<()> + Clone {
    move || std::future::ready(reply())
}

fn publication(to: &str, content_type: &'static str, body: &'static str) -> Publication {
    Publication::new(destination(to), body).with_header("content-type", content_type)
}

fn word(to: &str) -> Publication {
    publication(to, "text/plain", "word")
}

#[tokio::test]
async fn nothing_returned_is_nothing_sent() {
    assert_eq!(sent(|| ()).await, []);
    assert_eq!(sent(|| None::<Text>).await, []);
    assert_eq!(sent(|| Ok::<_, MessageError>(())).await, []);
    assert_eq!(sent(Reply::none).await, []);
}

#[tokio::test]
async fn a_value_goes_to_topic_and_the_path() {
    let to = "/topic/chat/blue";
    assert_eq!(sent(|| Text("word".into())).await, [OutgoingDelivery::Publish(word(to))]);
    let json = publication(to, "application/json", "[1,2]");
    assert_eq!(sent(|| Json([1, 2])).await, [OutgoingDelivery::Publish(json)]);
    let deliveries = sent(|| Body(Bytes::from_static(b"\xff"))).await;
    let [OutgoingDelivery::Publish(binary)] = &*deliveries else { panic!("{deliveries:?}") };
    assert_eq!((binary.content_type(), binary.body.as_bytes()), (Some("application/octet-stream"), &b"\xff"[..]));
}

#[tokio::test]
async fn a_subscribes_value_goes_to_that_subscription_alone() {
    let deliveries = ask("/rooms", async || Text("word".into()), subscribe("/app/rooms")).await.unwrap();
    assert_eq!(deliveries, [OutgoingDelivery::ToSubscription(word("/app/rooms"))]);
}

#[tokio::test]
async fn a_reply_goes_to_where_it_says() {
    let text = || Text("word".into());
    assert_eq!(sent(move || Reply::to("/topic/x", text())).await, [OutgoingDelivery::Publish(word("/topic/x"))]);
    let own = word("/user/queue/x");
    assert_eq!(
        sent(move || Reply::to_sender("/queue/x", text())).await,
        [OutgoingDelivery::ToSession { session: SESSION, publication: own.clone() }]
    );
    assert_eq!(
        sent(move || Reply::to_user("b/ob", "/queue/x", text())).await,
        [OutgoingDelivery::ToUser { name: "b/ob".into(), publication: own }]
    );
    let publication = word("/user/queue/chat/blue");
    assert_eq!(sent(move || ToSender(text())).await, [OutgoingDelivery::ToSession { session: SESSION, publication }]);
}

#[tokio::test]
async fn several_values_go_out_in_their_order() {
    let to = |to: &'static str| Reply::to(to, Text("word".into()));
    let all = ["/topic/a", "/topic/b", "/topic/chat/blue"].map(|to| OutgoingDelivery::Publish(word(to)));
    assert_eq!(sent(move || (to("/topic/a"), to("/topic/b"), Text("word".into()))).await, all);
    assert_eq!(sent(move || vec![to("/topic/a"), to("/topic/b"), Reply::usual(Text("word".into()))]).await, all);
    assert_eq!(sent(move || [to("/topic/a"), to("/topic/b")]).await, all[..2]);
    assert_eq!(sent(move || to("/topic/a").and(to("/topic/b"))).await, all[..2]);
}

#[tokio::test]
async fn an_answer_has_the_headers_that_it_is_given_and_none_of_the_clients() {
    let reply = async || Reply::to("/topic/x", Text("word".into())).with_header("priority", "5");
    let asked = header(request("/app/a", "", ada()), "secret", "canary");
    let deliveries = ask("/a", reply, asked).await.unwrap();
    assert_eq!(deliveries, [OutgoingDelivery::Publish(word("/topic/x").with_header("priority", "5"))]);
}

#[tokio::test]
async fn an_answer_that_cannot_go_out_is_an_error_and_nothing_goes_out() {
    let text = || Text("word".into());
    for (reply, kind) in [
        (Reply::to("/topic/../x", text()), ErrorKind::BadRequest),
        (Reply::to_sender("/else/x", text()), ErrorKind::Internal),
        (Reply::to("/topic/x", Json(std::collections::BTreeMap::from([((1, 2), 3)]))), ErrorKind::Internal),
    ] {
        let replies = handler(move || Reply::to("/topic/x", text()).and(reply.clone()));
        assert_eq!(ask("/a", replies, request("/app/a", "", ada())).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn an_error_tells_its_sender_what_is_meant_for_it() {
    async fn parse(Text(number): Text) -> Result<Text> {
        let number: u8 = number.parse()?;
        if number == 0 { Err(MessageError::not_found("there is no 0")) } else { Ok(Text("fine".into())) }
    }
    let error = async |body: &'static str| ask("/a", parse, request("/app/a", body, ada())).await.unwrap_err();
    assert_eq!(error("0").await.to_string(), "there is no 0");
    assert_eq!(error("canary").await.to_string(), "internal error");
    assert!(error("canary").await.downcast_ref::<ParseIntError>().is_some());
}

#[tokio::test]
async fn an_error_handler_answers_by_the_errors_type() {
    async fn parse(Text(number): Text) -> Result<Json<u8>> {
        Ok(Json(number.parse()?))
    }
    let by_type = |error: &MessageError, _: &Request| match error.downcast_ref::<ParseIntError>() {
        Some(error) => Ok(Reply::to_sender("/queue/errors", Text(error.to_string().into()))),
        None => Err(error.clone()),
    };
    let app = Messages::new().on_send("/a", parse).on_error(by_type).build().unwrap();
    let deliveries = answer(&app, request("/app/a", "x", anonymous())).await.unwrap();
    let [OutgoingDelivery::ToSession { publication, .. }] = &*deliveries else { panic!("{deliveries:?}") };
    assert_eq!(text_of(publication), ("/user/queue/errors".to_owned(), "invalid digit found in string".to_owned()));
    assert_eq!(answer(&app, request("/app/b", "x", ada())).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn error_handlers_are_asked_in_order_until_one_has_a_value() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = |name: &'static str| {
        let seen = seen.clone();
        move |error: &MessageError, _: &Request| {
            seen.lock().unwrap().push(format!("{name}: {error}"));
            Err::<(), _>(MessageError::forbidden(name))
        }
    };
    let silence = |_: &MessageError, _: &Request| {};
    let app = Messages::new().on_error(see("one")).on_error(see("two"));
    let app = app.on_error(silence).on_error(see("never")).build().unwrap();
    assert_eq!(answer(&app, request("/app/a", "", ada())).await.unwrap(), []);
    assert_eq!(*seen.lock().unwrap(), ["one: no handler for SEND to /app/a", "two: one"]);
}

#[tokio::test]
async fn an_error_handlers_value_goes_where_a_handlers_would() {
    let told = |error: &MessageError, _: &Request| Text(error.text().clone());
    let app = Messages::new().on_error(told).build().unwrap();
    let (to, text) = published(answer(&app, request("/app/chat", "", ada())).await);
    assert_eq!((&*to, &*text), ("/topic/chat", "no handler for SEND to /app/chat"));
}
