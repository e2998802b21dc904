//! A reader of every format, so that one test can be run over all of them.

use crate::in_time;
use crate::sse::Reader;
use crate::stage::{Stage, until};
use crate::support::client::Leave;
use crate::support::client::http::{Answer, Http};
use byway::{Disconnect, SessionHandle, Transport};
use serde_json::Value;
use std::collections::VecDeque;
use tokio::io::AsyncWriteExt;

/// What a feed says, whatever the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    /// What is no text, in base64.
    Binary(String),
    /// So much is gone for good, or nobody knows how much.
    Gap(Option<u64>),
    /// A sign of life.
    Beat,
    /// Why it ends, and whether its reader should come back.
    End(String, bool),
    /// The response is over.
    Over,
}

/// One reader's feed. One that polls asks on and on over the same connection.
pub struct Feed {
    row: Transport,
    http: Http,
    target: String,
    headers: Vec<(String, String)>,
    /// A request is under way.
    asked: bool,
    ready: VecDeque<Heard>,
    events: Reader,
    /// The id of the last message or gap that was heard, or where the feed began.
    pub last_id: String,
    ids: VecDeque<String>,
}

/// By what a request says which format it wants.
pub fn accept(row: Transport) -> (&'static str, &'static str) {
    let media = match row {
        Transport::FeedEvents => "text/event-stream",
        Transport::FeedLines => "application/x-ndjson",
        Transport::FeedPoll => "application/json",
        other => panic!("{other} is no feed"),
    };
    ("Accept", media)
}

/// What arrives of a text: events know one kind of line end.
pub fn arrived(row: Transport, text: &str) -> Heard {
    Heard::Text(match row {
        Transport::FeedEvents => text.replace("\r\n", "\n").replace('\r', "\n"),
        _ => text.to_owned(),
    })
}

impl Feed {
    /// Is let in, and is told where it begins.
    pub async fn open(stage: &Stage, row: Transport, target: &str, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut feed = Self {
            row,
            http: stage.http().await,
            target: format!("/e/feed{target}"),
            headers,
            asked: false,
            ready: VecDeque::new(),
            events: Reader::default(),
            last_id: String::new(),
            ids: VecDeque::new(),
        };
        feed.begin().await;
        feed
    }

    async fn begin(&mut self) {
        if self.row == Transport::FeedPoll {
            self.ask("wait=0").await;
            return self.read_poll().await;
        }
        self.ask("").await;
        let head = in_time(self.http.head()).await;
        let media = head.header("content-type").map(|said| said.trim_end_matches("; charset=utf-8"));
        assert_eq!((head.status, media), (200, Some(accept(self.row).1)));
        self.read_piece().await;
        // Whoever sees heads knows where the feed begins before anything comes.
        head.header("last-event-id").expect("a feed says where it is").clone_into(&mut self.last_id);
    }

    /// Whoever polls has to say where it is; a stream is asked for once.
    async fn ask(&mut self, query: &str) {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        let target = format!("{}{separator}{query}", self.target);
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        headers.push(accept(self.row));
        if !self.last_id.is_empty() {
            headers.retain(|(name, _)| *name != "Last-Event-ID");
            headers.push(("Last-Event-ID", &self.last_id));
        }
        self.http.send("GET", &target, &headers, b"").await;
        self.asked = true;
    }

    /// Waits until the server has a request of this feed's that waits, as that of a stream does without more. There must
    /// be nothing to say to it.
    pub async fn park(&mut self, stage: &Stage) {
        let sessions = || stage.server.byway.sessions();
        // Those of earlier polls are on their way out, and count until they have gone.
        until(|| sessions().iter().all(SessionHandle::is_open)).await;
        let expected = sessions().len() + usize::from(self.go_on().await);
        until(|| sessions().len() == expected).await;
    }

    /// Sends the next poll; false for a stream, and where there is one already.
    pub async fn go_on(&mut self) -> bool {
        let next = self.row == Transport::FeedPoll && !self.asked;
        if next {
            self.ask("wait=20").await;
        }
        next
    }

    /// What comes next, signs of life too.
    pub async fn hear(&mut self) -> Heard {
        while self.ready.is_empty() {
            match (self.row, self.asked) {
                (Transport::FeedPoll, false) => self.ask("wait=20").await,
                (Transport::FeedPoll, true) => self.read_poll().await,
                _ => self.read_piece().await,
            }
        }
        let heard = self.ready.pop_front().expect("something is ready");
        if matches!(heard, Heard::Text(_) | Heard::Binary(_) | Heard::Gap(_)) {
            self.last_id = self.ids.pop_front().expect("it has an id");
        }
        heard
    }

    /// What comes next that is no sign of life.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.hear().await {
                Heard::Beat => {}
                heard => return heard,
            }
        }
    }

    /// The next texts.
    pub async fn take(&mut self, count: usize) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < count {
            match self.next().await {
                Heard::Text(text) => taken.push(text),
                other => panic!("{other:?} behind {taken:?}"),
            }
        }
        taken
    }

    /// The feed ends so, behind whatever was still to come, and nothing follows.
    pub async fn ends(&mut self, disconnect: &Disconnect) {
        loop {
            match self.next().await {
                Heard::Text(_) | Heard::Binary(_) => {}
                end => break assert_eq!(end, Heard::End(disconnect.reason().to_owned(), disconnect.reconnect())),
            }
        }
        assert_eq!(self.next().await, Heard::Over);
    }

    async fn read_piece(&mut self) {
        let Some(piece) = in_time(self.http.chunk()).await else { return self.ready.push_back(Heard::Over) };
        match self.row {
            Transport::FeedEvents if piece == ":\n" => self.ready.push_back(Heard::Beat),
            Transport::FeedEvents => self.read_events(&piece),
            _ => piece.lines().for_each(|line| self.read_line(line)),
        }
    }

    fn read_events(&mut self, piece: &str) {
        for event in self.events.read(piece) {
            let json = || serde_json::from_str::<Value>(&event.data).expect("what the server says itself is JSON");
            let heard = match &*event.name {
                "gap" => gap(&json()),
                "end" => end(&json()),
                "binary" => Heard::Binary(event.data),
                _ => Heard::Text(event.data),
            };
            self.push(heard, &event.id);
        }
    }

    fn read_line(&mut self, line: &str) {
        match line {
            "" => self.ready.push_back(Heard::Beat),
            line => self.read_entry(&serde_json::from_str(line).expect("a line is JSON")),
        }
    }

    fn read_entry(&mut self, entry: &Value) {
        let body = || entry["body"].as_str().expect("a message has a body").to_owned();
        let heard = match (entry["event"].as_str(), entry["encoding"].as_str()) {
            (Some("open"), _) => return id(entry).clone_into(&mut self.last_id),
            (Some("gap"), _) => gap(entry),
            (Some("end"), _) => end(entry),
            (None, Some("base64")) => Heard::Binary(body()),
            (None, None) => Heard::Text(body()),
            _ => panic!("{entry}"),
        };
        self.push(heard, id(entry));
    }

    fn push(&mut self, heard: Heard, id: &str) {
        if !matches!(heard, Heard::End(..)) {
            self.ids.push_back(id.to_owned());
        }
        self.ready.push_back(heard);
    }

    async fn read_poll(&mut self) {
        let answer = in_time(self.http.answer()).await;
        self.asked = false;
        match answer.status() {
            200 => {
                let entries: Vec<Value> = serde_json::from_str(&answer.body).expect("a list");
                entries.iter().for_each(|entry| self.read_entry(entry));
                let last = self.ids.back().expect("no list is empty");
                assert_eq!(answer.header("last-event-id"), Some(&**last));
            }
            204 => answer.header("last-event-id").expect("an answer says where it is").clone_into(&mut self.last_id),
            _ => self.refused(&answer),
        }
    }

    fn refused(&mut self, answer: &Answer) {
        let reason = answer.body.trim_end().trim_end_matches('.').to_owned();
        self.ready.extend([Heard::End(reason, answer.status() == 503), Heard::Over]);
    }

    /// Leaves without a word.
    pub async fn leave(self, how: Leave) {
        let mut stream = self.http.stream;
        match how {
            Leave::Close => {}
            Leave::Reset => stream.set_zero_linger().expect("a connected socket takes options"),
            Leave::HalfClose => {
                stream.shutdown().await.expect("the half can be closed");
                // The other half stays open for as long as the server likes.
                tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok() });
            }
        }
    }
}

fn id(entry: &Value) -> &str {
    entry["id"].as_str().unwrap_or_default()
}

fn gap(entry: &Value) -> Heard {
    Heard::Gap(entry["missed"].as_u64())
}

fn end(entry: &Value) -> Heard {
    let reason = entry["reason"].as_str().expect("an end has a reason").to_owned();
    Heard::End(reason, entry["reconnect"].as_bool().expect("an end says whether to come back"))
}
