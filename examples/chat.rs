//! A live chat: rooms, who is in them, and private messages. Nothing is stored; whoever comes late has missed it.
//!
//! `cargo run --example chat`, and open the address that it says in two tabs. The page is in `examples/chat`.
//!
//! | destination | is |
//! |---|---|
//! | SUBSCRIBE `/app/rooms` | the rooms that the page offers |
//! | SUBSCRIBE `/topic/chat/{room}` | to be in a room |
//! | SUBSCRIBE `/presence/topic/chat/{room}` | who is in it, and then who comes and goes |
//! | SEND `/app/chat/{room}` | to speak in it |
//! | SEND `/app/private`, SUBSCRIBE `/user/queue/private` | to speak to one user |
//! | SUBSCRIBE `/user/queue/errors` | why something was not sent |

mod support;

use byway::broker::{BrokerSettings, PresenceSettings};
use byway::messaging::{Client, Json, MessageError, Messages, Messenger, Path, Reply, Result};
use byway::policy::{ActionSetting, RuleSettings, Rules, Who};
use byway::{Byway, Destination, DestinationError, Principal, Settings, SettingsError, Stomp};
use poem::http::StatusCode;
use poem::middleware::SizeLimit;
use poem::web::{self, Data};
use poem::{EndpointExt, post};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use support::SignIn;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sign_in = SignIn::new()?;
    let messages =
        Messages::new().on_subscribe("/rooms", rooms).on_send("/chat/{room}", say).on_send("/private", whisper);
    let stomp = Stomp::new().auth(&sign_in.auth)?.authorizer(rules()?).messages(messages).broker(broker()?);
    let (byway, messenger) = Byway::stomp(Settings::default(), stomp)?;
    let door = post(login).with(SizeLimit::new(1024)).data(Arc::new(sign_in)).data(messenger);
    let pages = support::pages(include_str!("chat/index.html"), include_str!("chat/page.js"));
    support::serve(byway, pages.at("/login", door)).await
}

/// To subscribe a room's topic is to be in the room. Whoever loads the page again has not left.
fn broker() -> Result<BrokerSettings, DestinationError> {
    let rooms = PresenceSettings { grace: Duration::from_secs(2), ..PresenceSettings::new("/topic/chat/*".parse()?) };
    Ok(BrokerSettings { presence: vec![rooms], ..BrokerSettings::default() })
}

/// What comes from clients goes through the handlers: nobody speaks in another's name.
fn rules() -> Result<Rules, SettingsError> {
    Rules::new(&[
        RuleSettings::allow(Who::AUTHENTICATED, ActionSetting::Any, "/app/**"),
        RuleSettings::allow(Who::AUTHENTICATED, ActionSetting::Subscribe, "/topic/chat/*"),
        RuleSettings::allow(Who::AUTHENTICATED, ActionSetting::Subscribe, "/presence/topic/chat/*"),
    ])
}

async fn rooms() -> Json<[&'static str; 3]> {
    Json(["Trailhead", "Campfire", "Summit"])
}

/// The topics that are rooms.
const ROOMS: &str = "/topic/chat";

#[derive(Deserialize)]
struct Say {
    text: String,
}

/// What those who are in a room hear.
#[derive(Serialize)]
struct Said {
    from: String,
    text: String,
}

async fn say(
    Path(room): Path<String>,
    user: Principal,
    client: Client,
    Json(Say { text }): Json<Say>,
    to: Messenger,
) -> Result<Reply> {
    let room = Destination::parse(format!("{ROOMS}/{room}"))?;
    let heard = to.users().session(client.id()).map(|session| session.subscriptions).unwrap_or_default();
    if !heard.iter().any(|(_, heard)| heard.as_destination().as_ref() == Some(&room)) {
        return Err(MessageError::forbidden("you are not in this room"));
    }
    Ok(Reply::to(room, Json(Said { from: user.name().to_owned(), text: checked(text)? })))
}

#[derive(Deserialize)]
struct Whisper {
    to: String,
    text: String,
}

#[derive(Clone, Serialize)]
struct Private {
    from: String,
    to: String,
    text: String,
}

/// Both hear it, in all their tabs.
async fn whisper(user: Principal, Json(Whisper { to, text }): Json<Whisper>, all: Messenger) -> Result<[Reply; 2]> {
    let from = user.name().to_owned();
    if to == from {
        return Err(MessageError::bad_request("that is you"));
    }
    if all.users().sessions_of(&to).is_empty() {
        return Err(MessageError::not_found("nobody of that name is here"));
    }
    let private = Private { from: from.clone(), to: to.clone(), text: checked(text)? };
    Ok([to, from].map(|name| Reply::to_user(name, "/queue/private", Json(private.clone()))))
}

fn checked(text: String) -> Result<String> {
    match text.chars().count() {
        1..=2000 if !text.trim().is_empty() => Ok(text),
        _ => Err(MessageError::bad_request("a message has 1 to 2,000 characters")),
    }
}

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize)]
struct Welcome {
    name: String,
    token: String,
}

/// Whoever comes first has the name, for as long as they are here.
#[poem::handler]
fn login(
    web::Json(Visitor { name }): web::Json<Visitor>,
    Data(sign_in): Data<&Arc<SignIn>>,
    Data(messenger): Data<&Messenger>,
) -> poem::Result<web::Json<Welcome>> {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 40 || name.chars().any(char::is_control) {
        return Err(refusal(StatusCode::BAD_REQUEST, "A name has 1 to 40 characters."));
    }
    if !messenger.users().sessions_of(&name).is_empty() {
        return Err(refusal(StatusCode::CONFLICT, "Somebody of that name is here already."));
    }
    let token = sign_in.token(&name, &[]).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(web::Json(Welcome { name, token }))
}

fn refusal(status: StatusCode, text: &'static str) -> poem::Error {
    poem::Error::from_string(text, status)
}
