//! A STOMP session.

use super::link::{Link, Receiver, Sender};
use super::stomp::{self, Frame};
use super::{Failure, Target};
use byway::{Secret, Transport};
use std::sync::Arc;

/// Who the client says it is on CONNECT. `Debug` does not show the secret.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// A bearer token, or the passcode that belongs to `login`.
    pub token: Option<Secret>,
    pub login: Option<String>,
    /// The `host` header; without one, the URL's.
    pub virtual_host: Option<String>,
}

/// A session that is connected.
pub struct Talk {
    pub hearing: Hearing,
    pub sender: Sender,
}

/// What the server says in it.
pub struct Hearing {
    receiver: Receiver,
    decoder: stomp::Decoder,
}

const SUBPROTOCOLS: &str = "v12.stomp, v11.stomp";

/// The only receipt that is asked for.
const RECEIPT: &str = "subscribed";

impl Talk {
    /// Opens a session and connects.
    pub async fn open(target: &Arc<Target>, transport: Transport, who: &Credentials) -> Result<Self, Failure> {
        let Link { receiver, sender } = Link::open(target, transport, Some(SUBPROTOCOLS)).await?;
        let mut talk = Self { hearing: Hearing { receiver, decoder: stomp::Decoder::default() }, sender };
        let host = who.virtual_host.as_deref().unwrap_or(target.server.host());
        let bearer = who.token.as_ref().map(|token| format!("Bearer {}", token.expose()));
        let mut headers = vec![("accept-version", "1.2,1.1"), ("host", host), ("heart-beat", "0,0")];
        match (&who.login, &who.token, &bearer) {
            (Some(login), token, _) => {
                headers.push(("login", login));
                headers.extend(token.as_ref().map(|token| ("passcode", token.expose())));
            }
            (None, _, Some(bearer)) => headers.push(("Authorization", bearer)),
            (None, ..) => {}
        }
        talk.sender.send(&stomp::encode("CONNECT", &headers, "")).await?;
        match talk.hearing.frame().await? {
            frame if frame.command() == "CONNECTED" => Ok(talk),
            _ => Err(Failure::refused("what answers is no STOMP: CONNECTED does not come first")),
        }
    }

    /// Subscribes, and asks for a receipt: [`is_receipt`](Self::is_receipt).
    pub async fn subscribe(&mut self, destination: &str, more: &[(&str, &str)]) -> Result<(), Failure> {
        let headers = [&[("id", "sub-0"), ("destination", destination), ("receipt", RECEIPT)], more].concat();
        self.sender.send(&stomp::encode("SUBSCRIBE", &headers, "")).await
    }

    /// Whether the frame says that the subscription is there.
    pub fn is_receipt(frame: &Frame) -> bool {
        frame.command() == "RECEIPT" && frame.header("receipt-id").as_deref() == Some(RECEIPT)
    }

    /// Says goodbye. What is under way may be lost; nobody waits for it.
    pub async fn close(&mut self) {
        self.sender.send(&stomp::encode("DISCONNECT", &[], "")).await.ok();
        self.sender.close().await;
    }
}

impl Hearing {
    /// The next frame. An ERROR is a failure, and so is the end of the session.
    pub async fn frame(&mut self) -> Result<Frame, Failure> {
        loop {
            if let Some(frame) = self.decoder.next().map_err(Failure::refused)? {
                return if frame.command() == "ERROR" { Err(error(&frame)) } else { Ok(frame) };
            }
            let message = self.receiver.next().await?;
            self.decoder.feed(&message);
        }
    }
}

/// A SEND of text.
pub fn send(destination: &str, body: &str) -> String {
    let length = body.len().to_string();
    let headers = [("destination", destination), ("content-type", "text/plain"), ("content-length", &length)];
    stomp::encode("SEND", &headers, body)
}

fn error(frame: &Frame) -> Failure {
    let message = frame.header("message").unwrap_or_default();
    let detail = String::from_utf8_lossy(&frame.body);
    Failure::refused(match detail.trim() {
        "" => message.into_owned(),
        detail => format!("{message}: {detail}"),
    })
}
