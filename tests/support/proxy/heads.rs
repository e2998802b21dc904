//! What a proxy does to the heads of requests and answers.

use super::Habits;
use super::chunks::Chunks;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The head of a request, and what was read behind it.
pub async fn read(near: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = end_of_head(&read) {
            let rest = read.split_off(end);
            return Some((String::from_utf8(read).ok()?, rest));
        }
        if near.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4)
}

pub fn is_upgrade(head: &str) -> bool {
    head.to_ascii_lowercase().contains("\r\nupgrade:")
}

/// What reaches the server of a request's head.
pub fn request(head: &str, habits: &Habits, upgrades: bool) -> String {
    let mut head = Head::parse(head);
    if !upgrades {
        head.set("Connection", "close");
        head.remove("Upgrade");
    }
    if habits.old_to_server {
        head.start = head.start.replace("HTTP/1.1", "HTTP/1.0");
    }
    if habits.rewrites_headers {
        head.rewrite();
    }
    head.write()
}

/// Rewrites the head of an answer, and takes chunks apart where they are not known.
pub struct Answers {
    old: bool,
    rewrites: bool,
    /// What has come of the head; `None` behind it.
    head: Option<Vec<u8>>,
    chunks: Option<Chunks>,
}

impl Answers {
    pub fn new(habits: &Habits, upgrades: bool) -> Self {
        let (old, rewrites) = (habits.old_to_client && !upgrades, habits.rewrites_headers);
        Self { old, rewrites, head: Some(Vec::new()), chunks: None }
    }

    pub fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(mut head) = self.head.take() else { return self.body(bytes) };
        head.extend_from_slice(bytes);
        let Some(end) = end_of_head(&head) else {
            self.head = Some(head);
            return Vec::new();
        };
        let rest = head.split_off(end);
        let mut passed = self.rewritten(&String::from_utf8_lossy(&head)).into_bytes();
        passed.extend(self.body(&rest));
        passed
    }

    fn rewritten(&mut self, head: &str) -> String {
        let mut head = Head::parse(head);
        if self.old {
            head.start = head.start.replace("HTTP/1.1", "HTTP/1.0");
            self.chunks = head.remove("Transfer-Encoding").then(Chunks::default);
        }
        if self.rewrites {
            head.rewrite();
        }
        head.write()
    }

    fn body(&mut self, bytes: &[u8]) -> Vec<u8> {
        match &mut self.chunks {
            Some(chunks) => chunks.read(bytes),
            None => bytes.to_vec(),
        }
    }
}

struct Head {
    start: String,
    fields: Vec<(String, String)>,
}

impl Head {
    fn parse(head: &str) -> Self {
        let mut lines = head.trim_end().split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Self { start, fields: lines.filter_map(field).collect() }
    }

    /// Whether it was there.
    fn remove(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        self.fields.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
        self.fields.len() < before
    }

    fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// In lower case, and each name once (RFC 9110, section 5.3).
    fn rewrite(&mut self) {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in self.fields.drain(..) {
            let name = name.to_ascii_lowercase();
            match fields.iter_mut().find(|(have, _)| *have == name) {
                Some((_, values)) => values.push_str(&format!(",{value}")),
                None => fields.push((name, value)),
            }
        }
        self.fields = fields;
    }

    fn write(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| format!("{name}:{value}\r\n"));
        format!("{}\r\n{}\r\n", self.start, fields.collect::<String>())
    }
}
