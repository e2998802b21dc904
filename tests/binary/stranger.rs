//! A server of feeds that knows nothing of Byway: what is posted to it goes to all who read, in words of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

pub struct Stranger {
    pub url: String,
    /// The head of each request that came.
    pub heads: Receiver<String>,
}

/// What is posted to end all streams; whoever comes back first is told to come later.
pub const GO: &str = "go away";

#[derive(Default)]
struct State {
    readers: Vec<(TcpStream, bool)>,
    posted: usize,
    busy: bool,
}

impl Stranger {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, heads) = channel();
        let state = Arc::new(Mutex::new(State::default()));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, state) = (sender.clone(), state.clone());
                thread::spawn(move || serve(stream, &sender, &state));
            }
        });
        Self { url, heads }
    }

    /// The next request for this.
    pub fn head(&self, line: &str) -> String {
        crate::process::until(&self.heads, |head| head.starts_with(line)).pop().expect("it came")
    }
}

/// Posts come over one connection, which a stream ends.
fn serve(mut stream: TcpStream, sender: &Sender<String>, state: &Mutex<State>) {
    while stream.peek(&mut [0]).is_ok_and(|ready| ready > 0) {
        let head = crate::client::head(&mut stream);
        let mut state = state.lock().expect("no thread panics");
        sender.send(head.clone()).unwrap_or_default();
        match head.starts_with("POST ") {
            true => state.post(&mut stream, &head),
            false => return state.read(stream, &head),
        }
    }
}

impl State {
    fn post(&mut self, stream: &mut TcpStream, head: &str) {
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut text = String::new();
        stream.take(length.expect("a length")).read_to_string(&mut text).expect("a body");
        self.posted += 1;
        match text.as_str() {
            GO => (self.readers, self.busy) = (Vec::new(), true),
            text => self.tell(text),
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("it is taken");
    }

    /// The event's name is a word that means something in a feed of Byway's.
    fn tell(&mut self, text: &str) {
        let json = format!("{{\"number\":{},\"text\":\"{text}\"}}", self.posted);
        for (reader, events) in &mut self.readers {
            let told = match events {
                true => format!("id: {}\nevent: gap\ndata: {json}\n\n", self.posted),
                false => format!("{json}\n"),
            };
            // Whoever has left needs nothing.
            reader.write_all(told.as_bytes()).unwrap_or_default();
        }
    }

    fn read(&mut self, mut stream: TcpStream, head: &str) {
        let events = head.contains("text/event-stream");
        let media = if events { "text/event-stream; charset=utf-8" } else { "application/x-ndjson" };
        let answer = match (std::mem::take(&mut self.busy), head.starts_with("GET /page")) {
            (true, _) => "503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0".to_owned(),
            (false, true) => "200 OK\r\nContent-Type: text/html\r\nContent-Length: 0".to_owned(),
            (false, false) => format!("200 OK\r\nContent-Type: {media}\r\nConnection: close"),
        };
        stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).expect("it is taken");
        if answer.ends_with("close") {
            self.readers.push((stream, events));
        }
    }
}
