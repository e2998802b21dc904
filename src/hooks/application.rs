//! The hook `app`: the backend is the application.

use super::caller::{About, Kind, Unanswered, unexpected};
use super::question::{Content, Question, Who, shown};
use super::{EndpointHooks, answer};
use crate::messaging::{
    Kind as Asked, MessageError, MessageHandler, MissingState, Payload, Reply, Request, Result, States,
};
use crate::model::{Message, Principal};
use bytes::Bytes;
use bytestring::ByteString;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

/// Handles everything below the application's prefix that nobody else does.
#[derive(Clone)]
pub(super) struct AskApplication(pub(super) EndpointHooks);

/// It takes the whole request, and no arguments of it.
pub(super) struct Whole;

#[derive(Serialize)]
struct Sent<'a> {
    action: &'static str,
    destination: &'a str,
    headers: Map<String, Value>,
    #[serde(flatten)]
    content: Content,
}

/// Says where an answer to a SEND goes: `sender`, or a destination. Without it, to where a handler's value goes.
const REPLY_TO: &str = "byway-reply-to";

impl MessageHandler<Whole> for AskApplication {
    async fn call(&self, request: &Request) -> Result<Reply> {
        let client = &request.client;
        let principal = client.principal();
        let from = (client.id(), client.transport(), client.remote_addr());
        let question = Question {
            kind: Kind::App,
            who: Who::new(self.0.endpoint(), from, principal.as_ref()),
            what: Sent {
                action: if request.kind == Asked::Send { "send" } else { "subscribe" },
                destination: request.destination.as_str(),
                headers: shown(&request.headers),
                content: Content::of(&request.body),
            },
        };
        let user = principal.as_ref().map(Principal::name);
        let destination = Some(request.destination.as_str());
        let about = About { user, address: client.remote_addr(), destination };
        let asked = self.0.caller().ask(Kind::App, about, &question, |answer| read(answer, request)).await;
        asked.unwrap_or_else(|why| Err(unavailable(&why)))
    }

    fn check(_: &States) -> Result<(), MissingState> {
        Ok(())
    }
}

fn unavailable(why: &Unanswered) -> MessageError {
    match why {
        Unanswered::Busy => MessageError::overloaded("the application has too much to do; try again"),
        _ => MessageError::unavailable("the application does not answer at present; try again"),
    }
}

/// The inner error is the backend's own answer, which its client is told.
fn read(answer: &Response<Bytes>, request: &Request) -> Result<Result<Reply>, String> {
    match answer.status() {
        status if status.is_success() && answer.body().is_empty() => Ok(Ok(Reply::none())),
        StatusCode::OK => reply(answer, request).map(Ok),
        status if status.is_client_error() => Ok(Err(refusal(answer))),
        status => Err(unexpected(status)),
    }
}

fn refusal(answer: &Response<Bytes>) -> MessageError {
    let text = answer::detail(answer).unwrap_or(ByteString::from_static("the application refuses the message"));
    match answer.status() {
        StatusCode::UNAUTHORIZED => MessageError::unauthorized(text),
        StatusCode::FORBIDDEN => MessageError::forbidden(text),
        StatusCode::NOT_FOUND => MessageError::not_found(text),
        StatusCode::TOO_MANY_REQUESTS => MessageError::overloaded(text),
        _ => MessageError::bad_request(text),
    }
}

fn reply(answer: &Response<Bytes>, request: &Request) -> Result<Reply, String> {
    let payload = Payload { content_type: "application/octet-stream", body: content(answer.body()) };
    let reply = match header(answer, REPLY_TO)? {
        None => Reply::usual(payload),
        Some("sender") => Reply::to_sender(format!("/queue{}", request.path()), payload),
        Some(destination) => Reply::to(destination.to_owned(), payload),
    };
    let content_type = header(answer, CONTENT_TYPE.as_str())?.map(str::to_owned);
    Ok(content_type.into_iter().fold(reply, |reply, said| reply.with_header("content-type", said)))
}

/// Most clients can be sent text alone.
fn content(body: &Bytes) -> Message {
    ByteString::try_from(body.clone()).map_or_else(|_| Message::Binary(body.clone()), Message::Text)
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> Result<Option<&'a str>, String> {
    let value = answer.headers().get(name).map(|value| value.to_str());
    value.transpose().map_err(|_| format!("the backend's {name} is no text"))
}
