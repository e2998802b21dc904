//! What clients meet: a proxy that cuts connections, and a server that breaks its word.

use crate::process::PATIENCE;
use byway::protocol::websocket::handshake::accept_key;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// Hands bytes on to a server, until it is cut.
pub struct Proxy {
    pub address: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    open: Vec<TcpStream>,
    /// Connections that came while it was cut.
    refused: usize,
}

impl Proxy {
    pub fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let (server, shared) = (server.to_owned(), state.clone());
        thread::spawn(move || listener.incoming().flatten().for_each(|client| relay(client, &server, &shared)));
        Self { address, state }
    }

    /// Ends all connections, and refuses new ones. Returns when a client has come back in vain.
    pub fn cut(&self) {
        let mut state = self.state.0.lock().expect("no thread panics");
        state.is_cut = true;
        state.open.drain(..).for_each(|stream| stream.shutdown(Shutdown::Both).unwrap_or_default());
        let came =
            self.state.1.wait_timeout_while(state, PATIENCE, |state| state.refused == 0).expect("no thread panics");
        assert!(!came.1.timed_out(), "the client comes back");
    }

    pub fn mend(&self) {
        let mut state = self.state.0.lock().expect("no thread panics");
        (state.is_cut, state.refused) = (false, 0);
    }
}

fn relay(client: TcpStream, server: &str, shared: &(Mutex<State>, Condvar)) {
    let mut state = shared.0.lock().expect("no thread panics");
    if state.is_cut {
        state.refused += 1;
        shared.1.notify_all();
        return;
    }
    let server = TcpStream::connect(server).expect("the server is there");
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (mut from, mut to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
        thread::spawn(move || {
            std::io::copy(&mut from, &mut to).ok();
            to.shutdown(Shutdown::Both).ok();
        });
    }
    state.open.extend([client, server]);
}

/// Hands what one WebSocket says to all, but breaks its word: of each hundred messages it drops those that end in 3, sends
/// those that end in 5 twice, and those that end in 7 behind those that end in 8. It turns the second connection away.
pub struct Liar(pub String);

type Members = Arc<Mutex<Vec<WebSocket<TcpStream>>>>;

impl Liar {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let members = Members::default();
        let count = AtomicUsize::new(0);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                match count.fetch_add(1, Ordering::Relaxed) {
                    1 => turn_away(stream),
                    _ => admit(stream, &members),
                }
            }
        });
        Self(format!("ws://{address}/"))
    }
}

fn turn_away(mut stream: TcpStream) {
    crate::client::head(&mut stream);
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 14\r\n\r\nnot you\x1b[2J ok";
    stream.write_all(answer.as_bytes()).expect("it is taken");
    // Until the client has read it.
    stream.read(&mut [0]).unwrap_or_default();
}

/// Writes for all go by the list; each thread reads its own.
fn admit(stream: TcpStream, members: &Members) {
    let writer = stream.try_clone().expect("a handle");
    let mut reader = shake_hands(stream);
    let writer = WebSocket::from_raw_socket(writer, Role::Server, None);
    members.lock().expect("no thread panics").push(writer);
    let members = members.clone();
    thread::spawn(move || {
        let mut held = None;
        while let Some(text) = next(&mut reader) {
            for text in lie(text, &mut held) {
                let mut members = members.lock().expect("no thread panics");
                members.iter_mut().for_each(|member| member.send(Message::text(text.as_str())).unwrap_or_default());
            }
        }
    });
}

/// A STOMP broker of few words, as Spring's simple one: it gives no receipts.
pub struct Quiet {
    pub url: String,
    /// Each CONNECT that came.
    pub connects: Receiver<String>,
}

impl Quiet {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("ws://{}/stomp", listener.local_addr().expect("an address"));
        let (sender, connects) = channel();
        let members = Members::default();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, members) = (sender.clone(), members.clone());
                thread::spawn(move || talk(stream, &sender, &members));
            }
        });
        Self { url, connects }
    }
}

fn talk(stream: TcpStream, connects: &Sender<String>, members: &Members) {
    let writer = stream.try_clone().expect("a handle");
    let mut reader = shake_hands(stream);
    let mut writer = Some(WebSocket::from_raw_socket(writer, Role::Server, None));
    while let Some(frame) = next(&mut reader) {
        let command = frame.lines().next().unwrap_or_default();
        match (command, &mut writer) {
            ("CONNECT", Some(writer)) => {
                writer.send(Message::text("CONNECTED\nversion:1.2\n\n\0")).expect("it is taken");
                connects.send(frame).unwrap_or_default();
            }
            ("SUBSCRIBE", _) => members.lock().expect("no thread panics").extend(writer.take()),
            ("SEND", _) => {
                let body = frame.split("\n\n").nth(1).unwrap_or_default();
                let message = format!("MESSAGE\ndestination:/topic/bench\n\n{body}\n");
                let mut members = members.lock().expect("no thread panics");
                members.iter_mut().for_each(|member| member.send(Message::text(message.as_str())).unwrap_or_default());
            }
            _ => {}
        }
    }
}

pub fn shake_hands(mut stream: TcpStream) -> WebSocket<TcpStream> {
    let head = crate::client::head(&mut stream);
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).expect("a key").1;
    let accept = accept_key(key).expect("a key of 16 bytes");
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).expect("it is taken");
    WebSocket::from_raw_socket(stream, Role::Server, None)
}

fn next(reader: &mut WebSocket<TcpStream>) -> Option<String> {
    match reader.read() {
        Ok(message) => message.into_text().ok().map(|text| text.to_string()),
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::Interrupted => next(reader),
        Err(_) => None,
    }
}

fn lie(text: String, held: &mut Option<String>) -> Vec<String> {
    let number: u64 = text.split(' ').nth(3).and_then(|number| number.parse().ok()).unwrap_or_default();
    match number % 10 {
        3 => vec![],
        5 => vec![text.clone(), text],
        7 => {
            *held = Some(text);
            vec![]
        }
        8 => [Some(text), held.take()].into_iter().flatten().collect(),
        _ => vec![text],
    }
}
