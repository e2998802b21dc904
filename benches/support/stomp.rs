//! STOMP as the clients of the benchmark speak it.

use super::client::{self, Kind};
use std::io::{self, Write};
use std::net::TcpStream;

/// What clients call their subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// `sub-0`, `sub-1`, ...: stompjs counts in each session.
    Counted,
    /// No two clients use the same.
    Own,
}

/// A subscription: its id and its destination.
pub type Subscription = (String, String);

/// What the `n`th client subscribes that wants this many topics.
pub fn topics(ids: Ids, n: usize, how_many: usize) -> Vec<Subscription> {
    let id = |at| match ids {
        Ids::Counted => format!("sub-{at}"),
        Ids::Own => format!("sub-{n:06}-{at}"),
    };
    (0..how_many).map(|at| (id(at), format!("/topic/{at}"))).collect()
}

/// Opens the `n`th client's session, says CONNECT and SUBSCRIBE, and waits until all of it is confirmed.
pub fn open(port: u16, kind: Kind, n: usize, subscriptions: &[Subscription]) -> io::Result<TcpStream> {
    let mut stream = client::open(port, ENDPOINT, kind, n)?;
    let subscribes = subscriptions.iter().map(|(id, destination)| subscribe(id, destination));
    let frames: Vec<_> = [connect(None)].into_iter().chain(subscribes).collect();
    say(&mut stream, (port, kind, n), &frames)?;
    let last = subscriptions.last().map(|(id, _)| format!("receipt-id:{id}")).unwrap_or_default();
    while !contains(&client::read_until(&mut stream, end_of_message(kind))?, last.as_bytes()) {
        poll_again(&mut stream, kind, n)?;
    }
    poll_again(&mut stream, kind, n)?;
    Ok(stream)
}

/// Where the server speaks STOMP.
pub const ENDPOINT: &str = "/stomp";

/// The end of every frame that a server sends before there are messages.
pub const END_OF_FRAME: &[u8] = b"\n\n\0";

pub fn connect(token: Option<&str>) -> String {
    let token = token.map(|token| format!("Authorization:Bearer {token}\n")).unwrap_or_default();
    format!("CONNECT\naccept-version:1.2\nhost:localhost\nheart-beat:600000,600000\n{token}\n\0")
}

fn subscribe(id: &str, destination: &str) -> String {
    format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:{id}\n\n\0")
}

pub fn send(destination: &str, body: &str) -> String {
    format!("SEND\ndestination:{destination}\ncontent-length:{}\n\n{body}\0", body.len())
}

/// Sends frames in the way of the transport; over HTTP that is a request of its own.
fn say(stream: &mut TcpStream, (port, kind, n): (u16, Kind, usize), frames: &[String]) -> io::Result<()> {
    match kind {
        Kind::Websocket => frames.iter().try_for_each(|frame| stream.write_all(&client::text_frame(frame.as_bytes()))),
        Kind::SockjsWebsocket => stream.write_all(&client::text_frame(array(frames).as_bytes())),
        _ => {
            let mut sender = client::open(port, ENDPOINT, Kind::Bare, n)?;
            sender.write_all(&client::post(ENDPOINT, n, &array(frames)))?;
            client::read_until(&mut sender, b"\r\n\r\n").map(drop)
        }
    }
}

fn array(frames: &[String]) -> String {
    serde_json::Value::from(frames).to_string()
}

fn poll_again(stream: &mut TcpStream, kind: Kind, n: usize) -> io::Result<()> {
    match kind {
        Kind::Xhr => stream.write_all(&client::request(ENDPOINT, kind, n)),
        _ => Ok(()),
    }
}

fn end_of_message(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Bare | Kind::Websocket => END_OF_FRAME,
        Kind::SockjsWebsocket => b"\"]",
        Kind::XhrStreaming => b"\"]\n\r\n",
        Kind::Eventsource => b"\"]\r\n\r\n\r\n",
        Kind::Xhr => b"\"]\n",
        Kind::FeedEvents | Kind::FeedLines | Kind::FeedPoll => panic!("feeds speak no STOMP"),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
