use super::stage::{SESSION, ada, anonymous, answer, ask, header, published, request};
use bytes::Bytes;
use byway::messaging::{
    Attribute, Body, Client, ErrorKind, FromRequest, Header, Json, MessageError, Messages, Messenger, NamedHeader,
    Path, Request, Result, State, Text,
};
use byway::{Destination, Headers, Message, Principal};
use serde::Deserialize;

/// The text that the handler answered with; extraction went well.
async fn told<Args: 'static>(handler: impl byway::messaging::MessageHandler<Args> + Clone, request: Request) -> String {
    published(ask("/{a}/{b}", handler, request).await).1
}

/// What the sender is told instead.
async fn refused<Args: 'static>(
    handler: impl byway::messaging::MessageHandler<Args> + Clone,
    request: Request,
) -> (ErrorKind, String) {
    let error = ask("/{a}/{b}", handler, request).await.unwrap_err();
    (error.kind(), error.to_string())
}

fn text(text: impl ToString) -> Text {
    Text(text.to_string().into())
}

#[derive(Deserialize)]
struct Named {
    b: String,
    a: u8,
}

#[derive(Deserialize)]
struct Room(String);

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Color {
    Red,
    DarkBlue,
}

#[tokio::test]
async fn a_path_is_a_tuple_a_struct_or_a_list() {
    let sent = || request("/app/5/x.y", "", anonymous());
    let tuple = async |Path((a, b)): Path<(u8, Room)>| text(format!("{a} {}", b.0));
    assert_eq!(told(tuple, sent()).await, "5 x.y");
    let named = async |Path(Named { a, b }): Path<Named>| text(format!("{a} {b}"));
    assert_eq!(told(named, sent()).await, "5 x.y");
    let list = async |Path(all): Path<Vec<String>>| text(all.join(" "));
    assert_eq!(told(list, sent()).await, "5 x.y");
}

#[tokio::test]
async fn one_variable_is_any_type_that_a_text_can_be() {
    async fn one<Args: 'static>(handler: impl byway::messaging::MessageHandler<Args> + Clone, to: &str) -> String {
        published(ask("/x/{value}", handler, request(to, "", anonymous())).await).1
    }
    assert_eq!(one(async |Path(value): Path<String>| text(value), "/app/x/ä b").await, "ä b");
    assert_eq!(one(async |Path(value): Path<i64>| text(value), "/app/x/-5").await, "-5");
    assert_eq!(one(async |Path(value): Path<f64>| text(value), "/app/x/0.5").await, "0.5");
    assert_eq!(one(async |Path(value): Path<bool>| text(value), "/app/x/true").await, "true");
    assert_eq!(one(async |Path(value): Path<char>| text(value), "/app/x/ß").await, "ß");
    assert_eq!(one(async |Path(Room(value)): Path<Room>| text(value), "/app/x/blue").await, "blue");
    assert_eq!(one(async |Path((value,)): Path<(u8,)>| text(value), "/app/x/5").await, "5");
    let color = async |Path(color): Path<Color>| text(color == Color::DarkBlue);
    assert_eq!(one(color, "/app/x/dark_blue").await, "true");
}

#[tokio::test]
async fn a_path_that_does_not_fit_names_the_variable_and_its_value() {
    let numbers = async |Path((_, _)): Path<(u8, u8)>| {};
    for (to, told) in [
        ("/app/x/1", "a in the destination is \"x\": invalid digit found in string"),
        ("/app/1/300", "b in the destination is \"300\": number too large to fit in target type"),
        ("/app/1/-1", "b in the destination is \"-1\": invalid digit found in string"),
    ] {
        assert_eq!(
            refused(numbers, request(to, "", anonymous())).await,
            (ErrorKind::BadRequest, told.to_owned()),
            "{to}"
        );
    }
    let color = async |Path((_, _)): Path<(String, Color)>| {};
    let (kind, told) = refused(color, request("/app/x/green", "", anonymous())).await;
    assert_eq!(kind, ErrorKind::BadRequest);
    assert!(told.starts_with("b in the destination is \"green\": unknown variant"), "{told}");
}

#[tokio::test]
async fn a_path_that_fits_no_value_is_the_servers_fault() {
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Other {
        c: String,
    }
    let sent = || request("/app/1/2", "", anonymous());
    let internal = (ErrorKind::Internal, "internal error".to_owned());
    assert_eq!(refused(async |_: Path<String>| {}, sent()).await, internal);
    assert_eq!(refused(async |_: Path<(u8, u8, u8)>| {}, sent()).await, internal);
    assert_eq!(refused(async |_: Path<(u8,)>| {}, sent()).await, internal);
    assert_eq!(refused(async |_: Path<Other>| {}, sent()).await, internal);
}

#[derive(Deserialize)]
struct Say {
    text: String,
}

#[tokio::test]
async fn json_is_taken_with_the_right_content_type_or_none() {
    let say = async |Json(say): Json<Say>| text(say.text);
    let sent = || request("/app/1/2", r#"{"text":"hi"}"#, anonymous());
    assert_eq!(told(say, sent()).await, "hi");
    for kind in ["application/json", "application/json;charset=UTF-8", "Application/JSON", "application/x+json"] {
        assert_eq!(told(say, header(sent(), "content-type", kind)).await, "hi", "{kind}");
    }
    let (kind, told) = refused(say, header(sent(), "content-type", "text/plain")).await;
    assert_eq!(
        (kind, &*told),
        (ErrorKind::BadRequest, "the content-type is \"text/plain\"; expected application/json")
    );
    let binary = request("/app/1/2", Message::Binary(Bytes::from_static(br#"{"text":"hi"}"#)), anonymous());
    assert_eq!(self::told(say, binary).await, "hi");
}

#[tokio::test]
async fn json_that_does_not_fit_says_where() {
    let say = async |_: Json<Vec<Say>>| {};
    for (body, beginning) in [
        (r#"[{"text":"a"},{"text":5}]"#, "[1].text: invalid type: integer `5`, expected a string at line 1"),
        (r#"[{"text":"a"},{}]"#, "[1]: missing field `text`"),
        (r#"[{"text":"#, "the message: EOF while parsing"),
        ("no", "the message: expected ident"),
        ("", "the message is empty; expected JSON"),
    ] {
        let (kind, told) = refused(say, request("/app/1/2", body, anonymous())).await;
        assert_eq!(kind, ErrorKind::BadRequest);
        assert!(told.starts_with(beginning), "{body}: {told}");
    }
}

#[tokio::test]
async fn what_a_sender_is_told_of_its_own_json_is_bounded() {
    let body = format!(r#"[{{"{}":5}}]"#, "x".repeat(100_000));
    let error = ask("/{a}/{b}", async |_: Json<Vec<Vec<u8>>>| {}, request("/app/1/2", body, anonymous())).await;
    assert!(error.unwrap_err().text().len() <= MessageError::MAX_TEXT);
    let deep = "[".repeat(100_000);
    let error = ask("/{a}/{b}", async |_: Json<serde_json::Value>| {}, request("/app/1/2", deep, anonymous())).await;
    assert!(error.unwrap_err().to_string().contains("recursion limit"));
}

#[tokio::test]
async fn content_is_text_or_bytes() {
    let as_text = async |Text(content): Text| Text(content);
    let as_bytes = async |Body(content): Body| text(content.len());
    assert_eq!(told(as_text, request("/app/1/2", "ä", anonymous())).await, "ä");
    assert_eq!(told(as_bytes, request("/app/1/2", "ä", anonymous())).await, "2");
    let binary = |bytes| request("/app/1/2", Message::Binary(Bytes::from_static(bytes)), anonymous());
    assert_eq!(told(as_text, binary("ä".as_bytes())).await, "ä");
    assert_eq!(told(as_bytes, binary(b"\xff")).await, "1");
    let (kind, told) = refused(as_text, binary(b"\xff")).await;
    assert_eq!((kind, &*told), (ErrorKind::BadRequest, "the message is not UTF-8; expected text"));
}

struct Priority(u8);

impl NamedHeader for Priority {
    const NAME: &str = "priority";
    type Value = u8;

    fn from_value(value: u8) -> Self {
        Self(value)
    }
}

#[tokio::test]
async fn a_header_is_parsed_and_named_when_it_is_missing_or_wrong() {
    let sent = || request("/app/1/2", "", anonymous());
    let needed = async |Header(Priority(priority)): Header<Priority>| text(priority);
    assert_eq!(told(needed, header(sent(), "priority", "5")).await, "5");
    assert_eq!(refused(needed, sent()).await.1, "the header priority is missing");
    let wrong = || header(sent(), "priority", "high");
    assert_eq!(refused(needed, wrong()).await.1, "the header priority: invalid digit found in string");
    let optional = async |priority: Option<Header<Priority>>| text(priority.is_some());
    assert_eq!(told(optional, sent()).await, "false");
    assert_eq!(refused(optional, wrong()).await.0, ErrorKind::BadRequest);
}

#[tokio::test]
async fn a_principal_is_needed_or_optional() {
    let needed = async |user: Principal| text(user.name());
    assert_eq!(told(needed, request("/app/1/2", "", ada())).await, "ada");
    let nobody = request("/app/1/2", "", anonymous());
    assert_eq!(refused(needed, nobody).await, (ErrorKind::Unauthorized, "not signed in".to_owned()));
    let optional = async |user: Option<Principal>| text(user.is_some());
    assert_eq!(told(optional, request("/app/1/2", "", anonymous())).await, "false");
}

#[tokio::test]
async fn a_principal_is_the_one_of_now() {
    let client = ada();
    client.set_principal(Principal::new("ada").with_claims(serde_json::from_str(r#"{"n":2}"#).unwrap()));
    let claim = async |user: Principal| text(user.claim("n").unwrap());
    assert_eq!(told(claim, request("/app/1/2", "", client)).await, "2");
}

#[tokio::test]
async fn an_attribute_stays_with_its_session() {
    let client = ada();
    let count = async |Attribute(count): Attribute<u32>, client: Client| client.set_attribute(count + 1);
    let (kind, _) = refused(count, request("/app/1/2", "", client.clone())).await;
    assert_eq!(kind, ErrorKind::Internal);
    client.set_attribute(1_u32);
    ask("/{a}/{b}", count, request("/app/1/2", "", client.clone())).await.unwrap();
    assert_eq!(client.attribute::<u32>(), Some(2));
    assert_eq!((client.remove_attribute::<u32>(), client.attribute::<u32>()), (Some(2), None));
    let optional = async |count: Option<Attribute<u32>>| text(count.is_some());
    assert_eq!(told(optional, request("/app/1/2", "", client)).await, "false");
}

#[tokio::test]
async fn a_message_has_a_destination_headers_content_and_a_client() {
    let handler = async |to: Destination, headers: Headers, body: Message, client: Client| {
        text(format!("{to} {:?} {:?} {}", headers.get("x"), body.as_str(), client.id()))
    };
    let sent = header(request("/app/1/2", "b", anonymous()), "x", "1");
    assert_eq!(told(handler, sent).await, format!("/app/1/2 Some(\"1\") Some(\"b\") {SESSION}"));
}

#[tokio::test]
async fn a_state_is_found_by_its_type_and_a_missing_one_refuses_the_application() {
    let handler = async |State(number): State<u8>, State(name): State<&'static str>| text(format!("{name} {number}"));
    let app = Messages::new().on_send("/{a}/{b}", handler).with(1_u8).with("n").with(2_u8).build().unwrap();
    assert_eq!(published(answer(&app, request("/app/1/2", "", anonymous())).await).1, "n 2");
    let error = Messages::new().on_subscribe("/x", handler).with("n").build().unwrap_err();
    assert_eq!(error.to_string(), "the handler of /x: State<u8> is not given; expected .with(..) of that type");
}

#[tokio::test]
async fn a_refusal_can_be_the_handlers_to_answer() {
    let handler = async |say: Result<Json<Say>>| text(say.map_or_else(|error| error.to_string(), |say| say.0.text));
    assert_eq!(told(handler, request("/app/1/2", "", ada())).await, "the message is empty; expected JSON");
}

#[tokio::test]
async fn json_is_optional_where_there_is_no_content() {
    let handler = async |say: Option<Json<Say>>| text(say.is_some());
    assert_eq!(told(handler, request("/app/1/2", "", ada())).await, "false");
    assert_eq!(refused(handler, request("/app/1/2", "{}", ada())).await.0, ErrorKind::BadRequest);
}

/// Waits before it answers, as one that asks elsewhere would.
struct Slow(String);

impl FromRequest for Slow {
    async fn from_request(request: &Request) -> Result<Self> {
        tokio::task::yield_now().await;
        request.params().next().map(|(name, _)| Self(name.to_owned())).ok_or_else(|| MessageError::not_found("none"))
    }
}

#[tokio::test]
async fn eight_extractors_run_from_left_to_right_and_the_first_refusal_ends_it() {
    let all =
        async |Slow(name): Slow,
               Path((a, b)): Path<(String, u8)>,
               user: Principal,
               _: Messenger,
               _: Client,
               State(state): State<u8>,
               _: Headers,
               Json(say): Json<Say>| text(format!("{name} {a} {b} {} {state} {}", user.name(), say.text));
    let app = Messages::new().on_send("/{a}/{b}", all).with(1_u8).build().unwrap();
    let sent = request("/app/x/2", r#"{"text":"t"}"#, ada());
    assert_eq!(published(answer(&app, sent).await).1, "a x 2 ada 1 t");
    let kind = async |request| answer(&app, request).await.unwrap_err().kind();
    assert_eq!(kind(request("/app/x/no", "no", anonymous())).await, ErrorKind::BadRequest);
    assert_eq!(kind(request("/app/x/2", "no", anonymous())).await, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_destination_without_a_handler_is_told_by_name() {
    let app = Messages::new().on_send("/a", async || {}).build().unwrap();
    let outcome = app.dispatch(request("/app/b", "", ada())).await;
    assert!(!outcome.handled);
    let error = outcome.error.unwrap();
    assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::NotFound, "no handler for SEND to /app/b"));
    let outcome = app.dispatch(super::stage::subscribe("/app/a")).await;
    assert_eq!(outcome.error.unwrap().to_string(), "no handler for SUBSCRIBE to /app/a");
    assert!(app.dispatch(request("/app/a", "", ada())).await.handled);
}
