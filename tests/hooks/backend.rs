//! A backend of bytes: it sees each call as it came, and answers what the test says, or nothing.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// What hooks are signed with.
pub const SECRET: &str = "a secret of at least 32 bytes for hooks";

/// One call, whose signature was checked.
#[derive(Debug, Clone)]
pub struct Call {
    pub id: String,
    pub body: Value,
    /// Which connection it came over; they are counted from 1.
    pub connection: usize,
    pub target: String,
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Status, content type, body.
    Status(u16, &'static str, String),
    /// These bytes, and the end of the connection.
    Bytes(String),
    /// Nothing, for as long as the caller waits.
    Never,
}

impl Answer {
    pub fn json(body: Value) -> Self {
        Self::Status(200, "application/json", body.to_string())
    }

    pub fn empty(status: u16) -> Self {
        Self::Status(status, "text/plain", String::new())
    }

    pub fn problem(status: u16, detail: &str) -> Self {
        Self::Status(status, "application/problem+json", serde_json::json!({ "detail": detail }).to_string())
    }
}

type Script = Box<dyn FnMut(&Call) -> Answer + Send>;

pub struct Backend {
    pub address: SocketAddr,
    calls: UnboundedReceiver<Call>,
    serving: JoinHandle<()>,
    under_way: Arc<UnderWay>,
}

/// How many calls are being answered, and how many ever were at a time.
#[derive(Default)]
struct UnderWay {
    now: AtomicUsize,
    most: AtomicUsize,
}

struct Room {
    script: Mutex<Script>,
    calls: UnboundedSender<Call>,
    under_way: Arc<UnderWay>,
}

impl Backend {
    pub async fn start(script: impl FnMut(&Call) -> Answer + Send + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), script).await
    }

    /// At an address that an earlier one had.
    pub async fn start_at(address: SocketAddr, script: impl FnMut(&Call) -> Answer + Send + 'static) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(address).expect("a free port");
        let listener = socket.listen(64).expect("it listens");
        let address = listener.local_addr().expect("a bound listener has an address");
        let ((teller, calls), under_way) = (unbounded_channel(), Arc::<UnderWay>::default());
        let room = Room { script: Mutex::new(Box::new(script)), calls: teller, under_way: Arc::clone(&under_way) };
        Self { address, calls, under_way, serving: tokio::spawn(serve(listener, Arc::new(room))) }
    }

    /// The next call.
    pub async fn call(&mut self) -> Call {
        let call = tokio::time::timeout(PATIENCE, self.calls.recv()).await;
        call.expect("everything that is waited for comes").expect("the backend is there")
    }

    /// How many calls came that nobody has looked at.
    pub fn unseen(&mut self) -> usize {
        std::iter::from_fn(|| self.calls.try_recv().ok()).count()
    }

    /// How many calls there were at the same time, at the most.
    pub fn most_at_a_time(&self) -> usize {
        self.under_way.most.load(Ordering::Relaxed)
    }

    /// How many calls wait for their answers.
    pub fn under_way(&self) -> usize {
        self.under_way.now.load(Ordering::Relaxed)
    }

    /// Ends all connections, and takes no more.
    pub async fn stop(mut self) -> SocketAddr {
        self.serving.abort();
        (&mut self.serving).await.ok();
        self.address
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

async fn serve(listener: TcpListener, room: Arc<Room>) {
    let mut connections = tokio::task::JoinSet::new();
    for connection in 1.. {
        let (stream, _) = listener.accept().await.expect("it accepts");
        connections.spawn(converse(stream, connection, Arc::clone(&room)));
    }
}

async fn converse(stream: TcpStream, connection: usize, room: Arc<Room>) {
    let mut stream = BufReader::new(stream);
    while let Some((target, headers, body)) = request(&mut stream).await {
        let call = Call { id: check(&headers, &body), body: parse(&body), connection, target };
        let answer = (room.script.lock().unwrap())(&call);
        let _under_way = Counted::new(&room.under_way);
        room.calls.send(call).ok();
        let (bytes, goes_on) = match answer {
            Answer::Status(status, content_type, body) => (head(status, content_type, &body) + &body, true),
            Answer::Bytes(bytes) => (bytes, false),
            Answer::Never => {
                // Until the caller has gone.
                stream.read_u8().await.ok();
                return;
            }
        };
        if stream.get_mut().write_all(bytes.as_bytes()).await.is_err() || !goes_on {
            return;
        }
    }
}

struct Counted<'a>(&'a UnderWay);

impl<'a> Counted<'a> {
    fn new(under_way: &'a UnderWay) -> Self {
        let now = under_way.now.fetch_add(1, Ordering::Relaxed) + 1;
        under_way.most.fetch_max(now, Ordering::Relaxed);
        Self(under_way)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

fn head(status: u16, content_type: &str, body: &str) -> String {
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    format!("HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n{length}\r\n")
}

type Headers = Vec<(String, String)>;

async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Headers, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let target = line.strip_prefix("POST ")?.split(' ').next()?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut body = vec![0; header(&headers, "content-length").parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some((target, headers, body))
}

fn header<'a>(headers: &'a Headers, name: &str) -> &'a str {
    let mut values = headers.iter().filter(|(have, _)| have == name).map(|(_, value)| value.as_str());
    values.next().unwrap_or_else(|| panic!("no {name} in {headers:?}"))
}

fn parse(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("calls are JSON")
}

/// Checks the signature as docs/hooks.md says it; answers the id. The examples' backends check it in other languages.
fn check(headers: &Headers, body: &[u8]) -> String {
    let (id, timestamp) = (header(headers, "webhook-id"), header(headers, "webhook-timestamp"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    assert!(now.abs_diff(timestamp.parse().expect("a number")) < 60, "the time is {now}, not {timestamp}");
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let signature = header(headers, "webhook-signature").strip_prefix("v1,").expect("the version");
    let signature = STANDARD.decode(signature).expect("base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, &signed, &signature).expect("the signature is right");
    assert_eq!(header(headers, "content-type"), "application/json");
    id.to_owned()
}
