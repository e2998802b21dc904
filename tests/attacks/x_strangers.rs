//! X1 to X9: what one address can hold whose clients show no account, while another address is served. docs/security.md has
//! the budgets. A proxy that is trusted says whose each request is.

use super::alone::alone;
use super::broker::{ends, serve, survives};
use super::http::{Answer, Wire, answers, request};
use super::log::Log;
use super::socket::{HANDSHAKE, Socket, header};
use super::target::{Echo, PATIENCE, Target, eventually, nothing_panicked, unique};
use crate::support::TestServer;
use crate::support::client::Client;
use crate::support::stage::{Plan, Stage, token};
use crate::support::stomp::{self, StompClient};
use byway::messaging::Refusals;
use byway::policy::{Excess, RateSettings, ScopeSettings};
use byway::server::ServerSettings;
use byway::{Byway, Disconnect, Handler, LimitSettings, Message, SessionHandle, Settings, Transport};
use poem::Route;
use std::time::{Duration, Instant};
use tracing_subscriber::filter::LevelFilter;

const STRANGER: &str = "X-Forwarded-For: 2001:db8::1\r\n";
/// Of the same network of 64 bits.
const ALSO_STRANGER: &str = "X-Forwarded-For: 2001:db8::ffff:2\r\n";
const NEIGHBOUR: &str = "X-Forwarded-For: 2001:db8:0:1::1\r\n";

fn behind_proxy(settings: &mut Settings, change: impl FnOnce(&mut LimitSettings)) {
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    change(&mut settings.limits);
}

async fn target(change: impl FnOnce(&mut LimitSettings)) -> Target {
    Target::with(|_, settings| behind_proxy(settings, change)).await
}

fn stage(change: impl FnOnce(&mut LimitSettings)) -> Stage {
    serve(Plan::new(Transport::RawWebsocket).with(|settings| behind_proxy(settings, change)))
}

/// The head of the answer, whatever follows.
async fn head(target: &Target, request: &str) -> Answer {
    let mut wire = target.connect().await;
    wire.send(request).await;
    answers(wire.until("\r\n\r\n").await.as_bytes()).remove(0)
}

/// Opens a session by each transport in turn.
fn openings(who: &str) -> Vec<String> {
    let path = |transport: &str| format!("/e/000/{}/{transport}", unique("stranger"));
    let mut all: Vec<_> = ["xhr", "xhr_streaming"].map(|row| request("POST", &path(row), who)).into();
    all.extend(["eventsource", "htmlfile?c=x", "jsonp?c=x"].map(|row| request("GET", &path(row), who)));
    all.extend(
        [path("websocket"), "/e/websocket".to_owned()]
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}{who}\r\n")),
    );
    all
}

#[tokio::test]
async fn x1_one_address_has_its_share_of_sessions_whatever_the_transport_and_others_open_theirs() {
    let target = target(|limits| limits.max_sessions_per_address = 3).await;
    // A poll that is answered leaves its session for a while.
    for _ in 0..3 {
        assert_eq!(head(&target, &openings(STRANGER)[0]).await.status, 200);
    }
    for opening in openings(STRANGER).iter().chain(&openings(ALSO_STRANGER)) {
        let refused = head(&target, opening).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{opening}");
    }
    assert_eq!((target.refused("address_full"), target.sessions()), (14, 3));
    for opening in openings(NEIGHBOUR).iter().step_by(3) {
        assert!(matches!(head(&target, opening).await.status, 101 | 200), "{opening}");
    }
    target.is_empty().await;
    assert_eq!(head(&target, &openings(STRANGER)[0]).await.status, 200, "there is room again");
    target.survives().await;
}

/// A client of an address that does not speak yet.
fn client_of(stage: &Stage, transport: Transport, address: &str) -> Client {
    Client::new(stage.server.address, transport).with_header("X-Forwarded-For", address)
}

#[tokio::test]
async fn x2_one_address_has_few_sessions_before_connect_also_where_nobody_comes_in_without_a_token() {
    let plan = Plan::new(Transport::RawWebsocket).tokens();
    let stage = serve(plan.with(|settings| {
        behind_proxy(settings, |limits| {
            (limits.max_unconnected_per_address, limits.max_sessions_per_address) = (2, 2);
        });
    }));
    let mut waiting = Vec::new();
    for transport in [Transport::RawWebsocket, Transport::XhrStreaming] {
        waiting.push(StompClient::open(client_of(&stage, transport, "192.0.2.1")).await);
    }
    for transport in Transport::ALL {
        let status = client_of(&stage, transport, "192.0.2.1").attempt().await;
        assert_eq!(status, 503, "{transport}");
    }
    let mut neighbour =
        StompClient::connect(client_of(&stage, Transport::Xhr, "192.0.2.2"), &[("token", &token("ada"))]).await;
    neighbour.settle().await;
    // Whoever shows an account makes room, and does not count any more.
    for n in 0..3 {
        waiting[0].say_connect(&[("token", &token(&format!("user{n}")))]).await;
        assert_eq!(waiting[0].frame().await.command, "CONNECTED");
        let one_more = client_of(&stage, Transport::RawWebsocket, "192.0.2.1");
        waiting.insert(0, StompClient::open(one_more).await);
    }
    assert_eq!(client_of(&stage, Transport::RawWebsocket, "192.0.2.1").attempt().await, 503);
}

const MANY: usize = 400;

#[test]
fn x3_sessions_of_strangers_have_so_many_lines_in_the_log_and_those_that_did_nothing_have_none() {
    let name = "attacks::x_strangers::x3_sessions_of_strangers_have_so_many_lines_in_the_log_and_those_that_did_nothing_have_none";
    alone(name, "true", async {
        let log = Log::record(LevelFilter::INFO);
        let target = Target::start().await;
        for _ in 0..MANY {
            drop(Socket::open(target.address(), "/e/websocket").await);
        }
        target.ends("interrupted", MANY as u64).await;
        assert_eq!(log.text(), "", "they did nothing");
        let start = Instant::now();
        for _ in 0..MANY {
            let mut socket = Socket::open(target.address(), "/e/websocket").await;
            socket.text("x").await;
            socket.frame().await;
        }
        target.ends("interrupted", 2 * MANY as u64).await;
        let (seconds, lines) = (start.elapsed().as_secs() as usize + 1, log.text().lines().count());
        assert!((20..=21 * seconds).contains(&lines), "{lines} lines in {seconds} s");
        target.survives().await;
    });
}

/// A request whose body stops in the middle.
async fn stalled(target: &Target, who: &str, sent: usize) -> Wire {
    let mut wire = target.connect().await;
    let head = format!("POST /e/000/nobody/xhr_send HTTP/1.1\r\nHost: x\r\n{who}Content-Length: 400000\r\n\r\n");
    wire.send([head.as_bytes(), &vec![b' '; sent]].concat()).await;
    wire
}

#[tokio::test]
async fn x4_bodies_that_do_not_end_are_so_many_bytes_of_an_address_and_others_bodies_are_read() {
    let target = target(|limits| limits.max_held_bytes_per_address = 256 * 1024).await;
    let mut held = Vec::new();
    while target.refused("address_full") == 0 {
        held.push(stalled(&target, STRANGER, 60_000).await);
        assert!(held.len() < 20, "nobody was refused");
        tokio::task::yield_now().await;
    }
    let mut refused = stalled(&target, ALSO_STRANGER, 300_000).await;
    let answers = refused.answers().await;
    assert_eq!((answers[0].status, answers[0].text()), (503, "Too much of this address waits already."));
    let body = format!("[{}]", " ".repeat(100_000));
    let length = body.len();
    let whole = format!(
        "POST /e/000/nobody/xhr_send HTTP/1.1\r\nHost: x\r\n{NEIGHBOUR}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    assert_eq!(target.answer(&whole).await.status, 404, "it is read, and its session unknown");
    drop(held);
    let start = Instant::now();
    while target.answer(whole.replace(NEIGHBOUR, STRANGER)).await.status != 404 {
        assert!(start.elapsed() < PATIENCE, "there is no room again");
    }
    target.survives().await;
}

#[tokio::test]
async fn x5_messages_that_do_not_end_are_so_many_bytes_of_an_address() {
    let target = target(|limits| limits.max_held_bytes_per_address = 256 * 1024).await;
    let mut sockets = Vec::new();
    for _ in 0..12 {
        let (mut socket, _) = Socket::offering(target.address(), "/e/websocket", STRANGER).await;
        socket.send([header(0x82, 100_000), vec![0; 60_000]].concat()).await;
        sockets.push(socket);
    }
    eventually("some are told so", || target.ended("address_full") > 0).await;
    let (mut neighbour, _) = Socket::offering(target.address(), "/e/websocket", NEIGHBOUR).await;
    neighbour.send([header(0x82, 100_000), vec![0; 60_000]].concat()).await;
    neighbour.send(vec![0; 40_000]).await;
    assert_eq!(neighbour.frame().await.1.len(), 100_000);
    let refused = sockets.last_mut().expect("there are some").farewell().await;
    assert_eq!(refused, Some((1013, "Too much unfinished of this address".to_owned())));
    drop(sockets);
    target.survives().await;
}

/// Frames that begin, and transactions that are not committed.
#[tokio::test]
async fn x6_frames_and_transactions_that_do_not_end_are_so_many_bytes_of_an_address() {
    let stage = stage(|limits| limits.max_held_bytes_per_address = 256 * 1024);
    let headers = [("destination", "/topic/a"), ("transaction", "t")];
    // Small enough to be charged nowhere else.
    let (body, part) = ("x".repeat(3000), stomp::frame("SEND", &headers, &"x".repeat(40_000)));
    let mut clients = Vec::new();
    let connect = async || StompClient::connect(client_of(&stage, Transport::RawWebsocket, "192.0.2.1"), &[]).await;
    for _ in 0..2 {
        let mut client = connect().await;
        for piece in part.as_bytes()[..36_000].chunks(3000) {
            client.raw(std::str::from_utf8(piece).expect("ASCII")).await;
        }
        clients.push(client);
    }
    'full: loop {
        let mut client = connect().await;
        client.send("BEGIN", &[("transaction", "t")], "").await;
        for _ in 0..15 {
            client.send("SEND", &[&headers[..], &[("receipt", "r")]].concat(), &body).await;
            let heard = client.frame().await;
            if heard.command == "ERROR" {
                assert_eq!(heard.header("message"), Some("Too much unfinished"));
                break 'full client.closes(&Disconnect::ADDRESS_FULL).await;
            }
        }
        clients.push(client);
    }
    assert!((4..=6).contains(&clients.len()), "{}", clients.len());
    let mut neighbour = StompClient::connect(client_of(&stage, Transport::RawWebsocket, "192.0.2.2"), &[]).await;
    neighbour.send("BEGIN", &[("transaction", "t")], "").await;
    for _ in 0..15 {
        neighbour.send("SEND", &headers, &body).await;
    }
    neighbour.ask("COMMIT", &[("transaction", "t")], "").await;
}

/// An application that never comes to its next message.
struct Stuck;

impl Handler for Stuck {
    async fn message(&self, _: &SessionHandle, _: Message) {
        std::future::pending().await
    }
}

async fn send(target: &Target, session: &str, who: &str) -> u16 {
    let body = format!("[\"{}\"]", "x".repeat(60_000));
    let head = format!("POST /e/000/{session}/xhr_send HTTP/1.1\r\nHost: x\r\n{who}Connection: close\r\n");
    target.answer(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await.status
}

#[tokio::test]
async fn x7_messages_that_wait_for_the_application_are_so_many_bytes_of_an_address() {
    let mut settings = Settings::default();
    behind_proxy(&mut settings, |limits| limits.max_held_bytes_per_address = 256 * 1024);
    let server = TestServer::start(settings, Stuck).await;
    let target = Target::over(server);
    let (mut taken, mut refused) = (0, 0);
    while refused == 0 {
        let session = unique("stuck");
        let opened = target.answer(request("POST", &format!("/e/000/{session}/xhr"), STRANGER)).await;
        assert_eq!(opened.status, 200);
        for _ in 0..2 {
            match send(&target, &session, STRANGER).await {
                204 => taken += 1,
                status => {
                    assert_eq!(status, 503);
                    refused += 1;
                }
            }
        }
    }
    // The first message of each session is with the application, which has stopped to take more.
    assert!((4..10).contains(&taken), "{taken}");
    let opened = target.answer(request("POST", "/e/000/neighbour/xhr", NEIGHBOUR)).await;
    assert_eq!((opened.status, send(&target, "neighbour", NEIGHBOUR).await), (200, 204));
    nothing_panicked();
}

/// A raw session has the limits that all have.
#[tokio::test]
async fn x8_messages_over_the_default_rate_wait_on_raw_sessions_too_and_a_neighbour_s_do_not() {
    let mut settings = Settings::default();
    behind_proxy(&mut settings, |_| {});
    let byway = Byway::new(settings, Echo).expect("the defaults are valid");
    let routes = Route::new().nest("/e", byway.endpoint());
    let target = Target::over(TestServer::serve(ServerSettings::default(), byway, routes));
    let (mut one, _) = Socket::offering(target.address(), "/e/websocket", STRANGER).await;
    let (mut other, _) = Socket::offering(target.address(), "/e/websocket", ALSO_STRANGER).await;
    let start = Instant::now();
    for _ in 0..200 {
        one.text("x").await;
        other.text("x").await;
    }
    let (mut neighbour, _) = Socket::offering(target.address(), "/e/websocket", NEIGHBOUR).await;
    neighbour.text("y").await;
    assert_eq!(neighbour.frame().await, (0x81, b"y".to_vec()));
    for _ in 0..200 {
        one.frame().await;
        other.frame().await;
    }
    // 200 at once, and 200 a second.
    assert!(start.elapsed() >= Duration::from_millis(990), "{:?}", start.elapsed());
    assert!(target.server.byway.stats().limit_hits["address_messages"] > 0);
    target.survives().await;
}

/// Nothing that a client sends is free: neither what is no frame, nor what is wrong.
#[tokio::test]
async fn x9_line_ends_pieces_of_frames_and_wrong_destinations_count() {
    let session = ScopeSettings {
        messages_per_second: Some(1),
        messages_burst: Some(3),
        excess: Excess::Close,
        ..ScopeSettings::default()
    };
    let rates = RateSettings { session, ..RateSettings::unlimited() };
    let stage = serve(Plan::new(Transport::RawWebsocket).stomp(|stomp| stomp.rates(rates)).refusals(Refusals::Keep));
    for (what, pieces) in [
        ("line ends", ["\n"; 4]),
        ("pieces", ["SEND\n", "destination:/topic/a\n", "\n", "body"]),
        (
            "transactions",
            ["BEGIN\ntransaction:a\n\n\0", "ABORT\ntransaction:a\n\n\0", "BEGIN\ntransaction:a\n\n\0", "\n"],
        ),
    ] {
        let mut client = stage.connect().await;
        for piece in pieces {
            client.raw(piece).await;
        }
        ends(&mut client, &Disconnect::RATE_LIMITED, what).await;
    }
    let mut client = stage.connect().await;
    for _ in 0..3 {
        client.publish("nowhere", "").await;
        client.error("Forbidden").await;
    }
    client.publish("nowhere", "").await;
    ends(&mut client, &Disconnect::RATE_LIMITED, "wrong destinations").await;
    survives(&stage, &[]).await;
}
