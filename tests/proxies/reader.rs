//! A reader of a feed that comes back to where it was whenever its answer ends, and polls when streams bring nothing.

use crate::sse;
use crate::support::proxy::chunks::Chunks;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Events,
    Lines,
    Poll,
}

/// Why an answer ended, or was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It, or the connection, came to its end.
    Ended,
    /// Nothing came for longer than the server is ever silent.
    Silent,
}

/// How long the reader waits for the next byte: many times the heartbeat of the tests' servers.
const PATIENCE: Duration = Duration::from_millis(400);

/// After how many answers in a row that brought nothing the reader polls instead.
const FUTILE: usize = 3;

pub struct Reader {
    pub heard: Vec<String>,
    /// Where it is: the `id` of the last event.
    pub id: String,
    pub format: Format,
    /// Why it polls now, though it was to read a stream.
    pub gave_way: Option<Why>,
    pub turns: usize,
    address: SocketAddr,
    futile: usize,
}

impl Reader {
    pub fn new(address: SocketAddr, format: Format, id: String) -> Self {
        Self { heard: Vec::new(), id, format, gave_way: None, turns: 0, address, futile: 0 }
    }

    /// Takes one answer to its end, or until so much was heard. Calls `on_news` at each piece of news.
    pub async fn turn(&mut self, enough: usize, on_news: impl FnMut()) {
        let before = self.heard.len();
        let why = self.answer(enough, on_news).await;
        self.turns += 1;
        self.futile = if self.heard.len() > before { 0 } else { self.futile + 1 };
        if self.futile == FUTILE && self.format != Format::Poll {
            (self.format, self.gave_way, self.futile) = (Format::Poll, Some(why), 0);
        }
    }

    async fn answer(&mut self, enough: usize, mut on_news: impl FnMut()) -> Why {
        let Ok(mut stream) = TcpStream::connect(self.address).await else { return Why::Ended };
        stream.write_all(self.request().as_bytes()).await.ok();
        let (mut body, mut news) = (Body::default(), News::of(self.format));
        let mut read = [0; 4096];
        loop {
            let Ok(length) = tokio::time::timeout(PATIENCE, stream.read(&mut read)).await else { return Why::Silent };
            let length = length.unwrap_or(0);
            let before = self.heard.len();
            let is_over = length == 0 || body.add(&read[..length]);
            self.id = news.read(&body.take(), &mut self.heard).unwrap_or(std::mem::take(&mut self.id));
            (before..self.heard.len()).for_each(|_| on_news());
            if is_over || self.heard.len() >= enough {
                return Why::Ended;
            }
        }
    }

    fn request(&self) -> String {
        let format = match self.format {
            Format::Events => "events",
            Format::Lines => "lines",
            Format::Poll => "poll",
        };
        let target = format!("/e/feed/topic/kept/a?format={format}&after={}", self.id);
        format!("GET {target} HTTP/1.1\r\nHost: byway.test\r\n\r\n")
    }
}

/// The body of an answer, as far as it has come.
#[derive(Default)]
struct Body {
    head: Vec<u8>,
    framing: Option<Framing>,
    data: Vec<u8>,
}

enum Framing {
    Chunks(Chunks),
    Length(usize),
    ToTheEnd,
}

impl Body {
    /// Whether it is whole now.
    fn add(&mut self, bytes: &[u8]) -> bool {
        if self.framing.is_some() {
            return self.add_data(bytes);
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let rest = self.head.split_off(end + 4);
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        assert!(head.contains(" 200 ") || head.contains(" 204 "), "{head}");
        let length = head.split_once("content-length:").map(|(_, rest)| rest.lines().next().unwrap_or_default().trim());
        self.framing = Some(match length {
            _ if head.contains(" 204 ") => Framing::Length(0),
            Some(length) => Framing::Length(length.parse().expect("a length is a number")),
            None if head.contains("transfer-encoding:") => Framing::Chunks(Chunks::default()),
            None => Framing::ToTheEnd,
        });
        self.add_data(&rest)
    }

    fn add_data(&mut self, bytes: &[u8]) -> bool {
        match &mut self.framing {
            Some(Framing::Chunks(chunks)) => {
                self.data.extend(chunks.read(bytes));
                chunks.ended
            }
            Some(Framing::Length(left)) => {
                self.data.extend_from_slice(bytes);
                *left -= bytes.len();
                *left == 0
            }
            _ => {
                self.data.extend_from_slice(bytes);
                false
            }
        }
    }

    fn take(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.data)).expect("the tests publish what is ASCII")
    }
}

/// Reads what a body says. What has no end yet was not said.
pub enum News {
    Events(sse::Reader),
    /// A line that has no end yet.
    Lines(String),
    /// A list that has no end yet.
    Poll(String),
}

impl News {
    pub fn of(format: Format) -> Self {
        match format {
            Format::Events => Self::Events(sse::Reader::default()),
            Format::Lines => Self::Lines(String::new()),
            Format::Poll => Self::Poll(String::new()),
        }
    }

    /// Adds what was said to `heard`; answers where the reader is now, if that is news.
    pub fn read(&mut self, text: &str, heard: &mut Vec<String>) -> Option<String> {
        match self {
            Self::Events(reader) => {
                for event in reader.read(text).into_iter().filter(|event| event.name != "end") {
                    assert_eq!(event.name, "", "{event:?}");
                    heard.push(event.data);
                }
                Some(reader.last_id.clone()).filter(|id| !id.is_empty())
            }
            Self::Lines(line) => {
                line.push_str(text);
                let rest = line.split_off(line.rfind('\n').map_or(0, |end| end + 1));
                let lines = std::mem::replace(line, rest);
                let lines = lines.lines().filter(|line| !line.is_empty());
                entries(lines.map(|line| serde_json::from_str(line).expect("a line is JSON")), heard)
            }
            Self::Poll(list) => {
                list.push_str(text);
                let list: Vec<Value> = serde_json::from_str(list).ok()?;
                entries(list.into_iter(), heard)
            }
        }
    }
}

fn entries(entries: impl Iterator<Item = Value>, heard: &mut Vec<String>) -> Option<String> {
    let mut id = None;
    for entry in entries.filter(|entry| entry["event"] != "end") {
        assert_ne!(entry["event"], "gap", "{entry}");
        heard.extend(entry["body"].as_str().map(str::to_owned));
        id = entry["id"].as_str().map(str::to_owned);
    }
    id
}
