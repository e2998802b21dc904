use crate::client::{connect, head, post, websocket};
use crate::peers::{Proxy, shake_hands};
use crate::process::{Byway, Folder, PATIENCE, lines, run, until};
use crate::stranger::{GO, Stranger};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use tungstenite::Message;

const FILE: &str = "[broker]\nhistory = [{ pattern = \"/topic/kept/**\", messages = 3 }]";

const TRANSPORTS: [&str; 8] =
    ["websocket", "raw_websocket", "xhr_streaming", "xhr", "eventsource", "feed_events", "feed_lines", "feed_poll"];

fn start() -> Byway {
    Byway::start_in(Folder::new().with("byway.toml", FILE), &[])
}

fn url(address: &str) -> String {
    format!("http://{address}/stomp")
}

/// Publishes; the broker has it when this returns.
fn publish(address: &str, destination: &str, bodies: &[&str]) {
    let mut socket = websocket(connect(address), "/stomp/websocket");
    let mut frames = "CONNECT\naccept-version:1.2\nhost:x\n\n\0".to_owned();
    for body in bodies {
        frames += &format!("SEND\ndestination:{destination}\nreceipt:{body}\ncolour:blue\n\n{body}\0");
    }
    socket.send(Message::text(frames)).expect("it is taken");
    let last = format!("receipt-id:{}\n", bodies.last().expect("something to publish"));
    while !socket.read().expect("a frame").into_text().expect("text").contains(&last) {}
}

/// A subscriber under way. It is killed when it is dropped.
struct Subscriber {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
    _folder: Folder,
}

impl Subscriber {
    fn start(url: &str, arguments: &[&str]) -> Self {
        let arguments = [&["subscribe", "--url", url], arguments].concat();
        let folder = Folder::new();
        let mut command = folder.byway(&arguments, &[]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let out = lines(child.stdout.take().expect("piped"));
        let err = lines(child.stderr.take().expect("piped"));
        Self { child, out, err, _folder: folder }
    }

    fn next(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line")
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // Either may fail where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn what_is_published_is_printed_over_every_transport() {
    let byway = start();
    publish(&byway.address, "/topic/kept/a", &["one", "tw\u{f6}", "100%"]);
    for transport in TRANSPORTS {
        let arguments = ["/topic/kept/a", "--history", "3", "--count", "3", "--transport", transport];
        let url = url(&byway.address);
        let arguments = [&["subscribe", "--url", &url], &arguments[..]].concat();
        let printed = run(&Folder::new(), &arguments, &[]);
        assert_eq!(printed, (0, "one\ntw\u{f6}\n100%\n".to_owned(), String::new()), "{transport}");
        let (_, out, _) = run(&Folder::new(), &[&arguments[..], &["--json"]].concat(), &[]);
        let last: Value = serde_json::from_str(out.lines().last().expect("a line")).expect("JSON");
        assert_eq!(last["body"], "100%", "{last}");
        // An EventSource is not told more.
        if transport != "feed_events" {
            assert_eq!((&last["destination"], &last["headers"]["colour"]), (&json!("/topic/kept/a"), &json!("blue")));
        }
    }
}

#[test]
fn a_subscriber_that_is_cut_off_comes_back_for_what_it_missed() {
    let byway = start();
    let address = byway.address.as_str();
    // Each waits for a while before it comes back.
    thread::scope(|scope| {
        for transport in TRANSPORTS {
            scope.spawn(|| cut_off(address, transport));
        }
    });
}

fn cut_off(address: &str, transport: &str) {
    let proxy = Proxy::start(address);
    let topic = format!("/topic/kept/{transport}");
    publish(address, &topic, &["before"]);
    let subscriber = Subscriber::start(&url(&proxy.address), &[&topic, "--history", "1", "--transport", transport]);
    assert_eq!(subscriber.next(), "before", "{transport}");
    proxy.cut();
    publish(address, &topic, &["missed", "missed too"]);
    proxy.mend();
    assert_eq!([subscriber.next(), subscriber.next()], ["missed", "missed too"], "{transport}");
    publish(address, &topic, &["live"]);
    assert_eq!(subscriber.next(), "live", "{transport}");
    until(&subscriber.err, |line| line.contains("coming back in 250ms"));
    proxy.cut();
    publish(address, &topic, &["1", "2", "3", "4", "5"]);
    proxy.mend();
    until(&subscriber.err, |line| line == "byway: 2 messages are gone for good");
    assert_eq!([subscriber.next(), subscriber.next(), subscriber.next()], ["3", "4", "5"], "{transport}");
}

#[test]
fn a_subscriber_that_is_cut_off_before_anything_came_asks_for_the_last_messages_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    let _subscriber = Subscriber::start(&url, &["/topic/a", "--history", "3", "--transport", "raw_websocket"]);
    for turn in ["at first", "again"] {
        let mut socket = shake_hands(listener.accept().expect("it comes").0);
        assert!(socket.read().expect("a frame").into_text().expect("text").starts_with("CONNECT\n"));
        socket.send(Message::text("CONNECTED\nversion:1.2\n\n\0")).expect("it is taken");
        let subscribe = socket.read().expect("a frame").into_text().expect("text");
        assert!(subscribe.contains("\nhistory:3\n"), "{turn}: {subscribe}");
        socket.send(Message::text("RECEIPT\nreceipt-id:subscribed\n\n\0")).expect("it is taken");
        socket.close(None).expect("it is told");
    }
}

#[test]
fn another_server_s_feed_is_read_as_it_is_and_come_back_to_when_that_server_likes() {
    let stranger = Stranger::start();
    let url = format!("{}/read{{destination}}", stranger.url);
    let subscriber = Subscriber::start(&url, &["/news", "--as-is", "--transport", "feed_events", "--json"]);
    assert!(!stranger.head("GET /read/news ").to_lowercase().contains("last-event-id"));
    let say = |text| {
        let mut stream = connect(stranger.url.trim_start_matches("http://"));
        stream.write_all(post("/", text).as_bytes()).expect("it is taken");
        assert!(head(&mut stream).starts_with("HTTP/1.1 204 "));
    };
    say("one");
    let one: Value = serde_json::from_str(&subscriber.next()).expect("JSON");
    assert_eq!(one, json!({ "id": "1", "event": "gap", "body": "{\"number\":1,\"text\":\"one\"}" }));
    say(GO);
    until(&subscriber.err, |line| line.ends_with("coming back in 250ms"));
    until(&subscriber.err, |line| line == "byway: 503 Service Unavailable; coming back in 1s");
    assert!(stranger.head("GET /read/news ").to_lowercase().contains("\r\nlast-event-id: 1\r\n"));
    let page = format!("{}/page", stranger.url);
    let (code, _, err) =
        run(&Folder::new(), &["subscribe", "--as-is", "--url", &page, "--transport", "feed_events"], &[]);
    assert!(code == 1 && err.contains("what answers is no event stream"), "{err}");
}

#[test]
fn a_subscriber_stops_at_ctrl_c_and_when_nobody_reads_what_it_prints() {
    let byway = start();
    publish(&byway.address, "/topic/kept/a", &["one"]);
    let arguments = ["/topic/kept/a", "--history", "1"];
    let mut subscriber = Subscriber::start(&url(&byway.address), &arguments);
    assert_eq!(subscriber.next(), "one");
    let status = Command::new("kill").args(["-s", "INT", &subscriber.child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
    assert_eq!(subscriber.child.wait().expect("it ends").code(), Some(0));

    let url = url(&byway.address);
    let arguments = [&["subscribe", "--url", &url], &arguments[..]].concat();
    let folder = Folder::new();
    let mut command = folder.byway(&arguments, &[]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn what_cannot_be_heard_is_said_with_the_server_s_reason() {
    let secret = "[auth]\nanonymous = \"deny\"\n[auth.jwt]\nsecret = \"a secret of at least 32 bytes for tests\"\n\
                  require_issuer = false\nrequire_audience = false";
    let byway = Byway::start_in(Folder::new().with("byway.toml", secret), &[]);
    let open = start();
    let (private, open) = (url(&byway.address), url(&open.address));
    let nothing = open.replace("/stomp", "/nothing");
    let (stomp, feed) = ("websocket", "feed_lines");
    for (url, destination, transport, expected) in [
        (&private, "/topic/a", stomp, "Authentication failed"),
        (&private, "/topic/a", feed, "401 Unauthorized: "),
        (&open, "/nowhere/a", stomp, "the broker has no such destination"),
        (&open, "/nowhere/a", feed, "404 Not Found: the broker has no such destination"),
        (&open, "/topic/live", "feed_poll", "400 Bad Request: "),
        (&nothing, "/topic/a", stomp, "404 Not Found: "),
        (&nothing, "/topic/a", feed, "404 Not Found: "),
        (&"http://127.0.0.1:1/stomp".to_owned(), "/topic/a", stomp, "Connection refused"),
        (&"http://127.0.0.1:1/stomp?token=x".to_owned(), "/topic/a", stomp, "expected one without a query"),
        (&"http://10.0.0.1/stomp".to_owned(), "/topic/a", stomp, "BYWAY_TOKEN could be read on its way"),
    ] {
        let arguments = ["subscribe", destination, "--url", url, "--transport", transport];
        let (code, out, err) = run(&Folder::new(), &arguments, &[("BYWAY_TOKEN", "canary")]);
        assert!(code == 1 && out.is_empty(), "{arguments:?}: {code} {out}");
        assert!(err.contains(expected) && !err.contains("canary"), "{arguments:?}: {err}");
    }
    let (code, ..) = run(&Folder::new(), &["check"], &[("BYWAY_TOKEN", "canary")]);
    assert_eq!(code, 0, "the variable is no setting");
}
