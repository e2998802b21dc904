//! What each client frame has to carry, by version (STOMP 1.2, "Client Frames" and "Frames and Headers").

use super::header::{is_reserved, is_the_broker_s};
use super::{
    Ack, AckMode, AckReference, Connect, Failure, Frame, Headers, Heartbeat, Send, StompSettings, Subscribe,
    SubscriptionId, Version,
};
use bytestring::ByteString;

/// Takes a header that must be there.
pub(super) fn required(headers: &mut Headers, name: &'static str) -> Result<ByteString, Failure> {
    headers.remove(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Failure {
    Failure::protocol(format!("Missing header: {name}"), "The frame has to have this header.")
}

/// Reads CONNECT or STOMP.
pub(super) fn connect(frame: Frame, settings: &StompSettings) -> Result<Connect, Failure> {
    let mut headers = frame.headers;
    let accepted = headers.remove("accept-version");
    let version = Version::negotiate(accepted.as_deref()).ok_or_else(Failure::no_common_version)?;
    Ok(Connect {
        version,
        host: headers.remove("host"),
        login: headers.remove("login"),
        passcode: headers.remove("passcode"),
        heartbeat: heartbeat(headers.remove("heart-beat"), version, settings)?,
        headers,
    })
}

/// 1.0 has no heartbeats: there the header would be the user's own.
fn heartbeat(header: Option<ByteString>, version: Version, settings: &StompSettings) -> Result<Heartbeat, Failure> {
    if version == Version::V1_0 {
        return Ok(Heartbeat::default());
    }
    Heartbeat::negotiate(header.as_deref(), settings).map_err(|_| {
        Failure::protocol("Malformed heart-beat", "It is two numbers of milliseconds, such as 10000,10000.")
    })
}

/// Reads SEND, without the `transaction` that it may be part of.
pub(super) fn send(frame: Frame, receipt: Option<ByteString>) -> Result<Send, Failure> {
    let mut headers = frame.headers;
    let destination = required(&mut headers, "destination")?;
    headers.retain(|name| !is_reserved(name) && !is_the_broker_s(name));
    Ok(Send { destination, headers, body: frame.body, receipt })
}

/// Reads ACK or NACK, without the `transaction` that it may be part of.
pub(super) fn ack(mut headers: Headers, version: Version, receipt: Option<ByteString>) -> Result<Ack, Failure> {
    let reference = match version {
        Version::V1_2 => AckReference::Id(required(&mut headers, "id")?),
        Version::V1_1 => AckReference::Message {
            id: required(&mut headers, "message-id")?,
            subscription: Some(required(&mut headers, "subscription")?),
        },
        Version::V1_0 => AckReference::Message {
            id: required(&mut headers, "message-id")?,
            subscription: headers.remove("subscription"),
        },
    };
    Ok(Ack { reference, receipt })
}

/// Reads SUBSCRIBE.
pub(super) fn subscribe(
    mut headers: Headers,
    version: Version,
    receipt: Option<ByteString>,
) -> Result<Subscribe, Failure> {
    let destination = own(&required(&mut headers, "destination")?);
    let id = match (headers.remove("id"), version) {
        (Some(id), _) => SubscriptionId::Named(own(&id)),
        (None, Version::V1_0) => SubscriptionId::Destination(destination.clone()),
        (None, _) => return Err(missing("id")),
    };
    let ack = ack_mode(headers.remove("ack"), version)?;
    headers.remove("content-length");
    Ok(Subscribe { id, destination, ack, headers, receipt })
}

/// Reads which subscription an UNSUBSCRIBE means; 1.0 may name it by its destination.
pub(super) fn unsubscribe(mut headers: Headers, version: Version) -> Result<SubscriptionId, Failure> {
    match headers.remove("id") {
        Some(id) => Ok(SubscriptionId::Named(id)),
        None if version == Version::V1_0 => required(&mut headers, "destination").map(SubscriptionId::Destination),
        None => Err(missing("id")),
    }
}

fn ack_mode(header: Option<ByteString>, version: Version) -> Result<AckMode, Failure> {
    match header.as_deref() {
        None | Some("auto") => Ok(AckMode::Auto),
        Some("client") => Ok(AckMode::Client),
        Some("client-individual") if version > Version::V1_0 => Ok(AckMode::ClientIndividual),
        Some(_) => {
            Err(Failure::protocol("Unknown ack mode", "It is auto or client, or client-individual from STOMP 1.1 on."))
        }
    }
}

/// A copy of what is kept for long: a slice would keep its whole frame in memory.
fn own(slice: &ByteString) -> ByteString {
    (**slice).into()
}
