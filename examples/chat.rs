//! A live chat: rooms, who is in them, and private messages. Nothing is stored; whoever comes late has missed it.
//!
//! `cargo run --example chat`, and open the address that it says in two tabs. The page is in `examples/chat`.
//!
//! | destination | is |
//! |---|---|
//! | SUBSCRIBE `/app/rooms` | the rooms that the page offers |
//! | SUBSCRIBE `/topic/chat/{room}` | to be in a room |
//! | SEND `/app/chat/{room}` | to speak in it |
//! | SEND `/app/private`, SUBSCRIBE `/user/queue/private` | to speak to one user |
//! | SUBSCRIBE `/user/queue/errors` | why something was not sent |

mod support;

use byway::messaging::{Attribute, Client, Event, Json, MessageError, Messages, Messenger, Path, Reply, Result};
use byway::policy::{ActionSetting, RuleSettings, Rules, Who};
use byway::{Byway, Destination, Principal, Settings, SettingsError, Stomp};
use parking_lot::Mutex;
use poem::http::StatusCode;
use poem::middleware::SizeLimit;
use poem::web::{self, Data};
use poem::{EndpointExt, post};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::SignIn;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sign_in = SignIn::new()?;
    let messages = Messages::new()
        .on_subscribe("/rooms", rooms)
        .on_send("/chat/{room}", say)
        .on_send("/private", whisper)
        .on_event(presence);
    let stomp = Stomp::new().auth(&sign_in.auth)?.authorizer(rules()?).messages(messages);
    let (byway, messenger) = Byway::stomp(Settings::default(), stomp)?;
    let door = post(login).with(SizeLimit::new(1024)).data(Arc::new(sign_in)).data(messenger);
    let pages = support::pages(include_str!("chat/index.html"), include_str!("chat/page.js"));
    support::serve(byway, pages.at("/login", door)).await
}

/// What comes from clients goes through the handlers: nobody speaks in another's name.
fn rules() -> Result<Rules, SettingsError> {
    Rules::new(&[
        RuleSettings::allow(Who::AUTHENTICATED, ActionSetting::Any, "/app/**"),
        RuleSettings::allow(Who::AUTHENTICATED, ActionSetting::Subscribe, "/topic/chat/*"),
    ])
}

async fn rooms() -> Json<[&'static str; 3]> {
    Json(["Trailhead", "Campfire", "Summit"])
}

/// What those who are in a room hear.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum News {
    Said { from: String, text: String },
    People { names: BTreeSet<String> },
}

#[derive(Deserialize)]
struct Say {
    text: String,
}

async fn say(
    Path(room): Path<String>,
    user: Principal,
    rooms: Option<Attribute<Rooms>>,
    Json(Say { text }): Json<Say>,
) -> Result<Reply> {
    let room = Destination::parse(format!("{ROOMS}/{room}"))?;
    if !rooms.is_some_and(|Attribute(Rooms(rooms))| rooms.contains(&room)) {
        return Err(MessageError::forbidden("you are not in this room"));
    }
    let said = News::Said { from: user.name().to_owned(), text: checked(text)? };
    Ok(Reply::to(room, Json(said)))
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

/// The topics that are rooms.
const ROOMS: &str = "/topic/chat";

/// Where a session is. It is remembered with the session, because who has left has no subscriptions any more.
#[derive(Clone, Default)]
struct Rooms(Vec<Destination>);

/// To subscribe a room's topic is to be in the room.
async fn presence(event: Event, to: Messenger) {
    let is_room = |room: &Destination| room.is_below(ROOMS);
    match event {
        Event::Subscribed { client, destination, .. } => {
            if let Some(room) = destination.as_destination().filter(is_room) {
                change(&client, |rooms| rooms.push(room.clone()));
                tell_people(&room, &to);
            }
        }
        Event::Unsubscribed { client, destination, .. } => {
            if let Some(room) = destination.as_destination().filter(is_room) {
                change(&client, |rooms| drop(rooms.iter().position(|one| *one == room).map(|at| rooms.remove(at))));
                tell_people(&room, &to);
            }
        }
        Event::Disconnected { client, .. } => {
            let Rooms(rooms) = client.remove_attribute().unwrap_or_default();
            rooms.iter().for_each(|room| tell_people(room, &to));
        }
        Event::Connect(_) | Event::Connected(_) => {}
    }
}

fn change(client: &Client, change: impl FnOnce(&mut Vec<Destination>)) {
    let Rooms(mut rooms) = client.attribute().unwrap_or_default();
    change(&mut rooms);
    client.set_attribute(Rooms(rooms));
}

/// Tells everybody in a room who is there.
fn tell_people(room: &Destination, to: &Messenger) {
    // Two who come at the same time: the list that is made last is sent last.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let there = to.users().find_subscriptions(&room.clone().into());
    let names = there.into_iter().map(|one| one.user.to_string()).collect();
    // When too much waits to be told, the next who comes or goes brings the list up to date.
    let _ = to.send(room, &News::People { names });
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
