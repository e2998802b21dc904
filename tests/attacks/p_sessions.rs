//! P7 to P11: payloads, and sessions that are unknown, closed, abandoned, somebody else's, or cut into many responses.

use super::alone::{alone, leaves_nothing_behind, resident};
use super::http::{Wire, answers, get, post, request};
use super::socket::Socket;
use super::target::{Echo, Target, eventually, unique};
use crate::support::TestServer;
use byway::{Byway, Handler, Message, Principal, SessionHandle, Settings};
use poem::{EndpointExt, Request, Route};
use std::time::Duration;

const EXPECTED: &str = "Payload expected.";
const BROKEN: &str = "Broken JSON encoding.";
const UNKNOWN: &str = "404 Error: Page not found\n";

fn payloads() -> Vec<(String, u16, &'static str)> {
    let mega = 1 << 20;
    let own = |text: &str| text.to_owned();
    vec![
        (own(""), 500, EXPECTED),
        (own("{}"), 500, EXPECTED),
        (own("\"x\""), 500, EXPECTED),
        (own("1"), 500, EXPECTED),
        (own("null"), 500, EXPECTED),
        (own("[1]"), 500, EXPECTED),
        (own("[null]"), 500, EXPECTED),
        (own("[[\"x\"]]"), 500, EXPECTED),
        (own("[{\"a\":\"b\"}]"), 500, EXPECTED),
        (own("[\"x\",1]"), 500, EXPECTED),
        (own("["), 500, BROKEN),
        (own("[\""), 500, BROKEN),
        (own("[\"x\""), 500, BROKEN),
        (own("[\"x\","), 500, BROKEN),
        (own("[\"x\",]"), 500, BROKEN),
        (own("[\"x\"]]"), 500, BROKEN),
        (own("[\"x\"] []"), 500, BROKEN),
        (own("[\"\\x\"]"), 500, BROKEN),
        (own("[\"\\u12\"]"), 500, BROKEN),
        (own("[\"\n\"]"), 500, BROKEN),
        (own("['x']"), 500, BROKEN),
        (own("\u{feff}[\"x\"]"), 500, BROKEN),
        (own("x"), 500, BROKEN),
        (own("\0"), 500, BROKEN),
        (own("NaN"), 500, BROKEN),
        ("\n".repeat(8 * mega), 500, BROKEN),
        ("[".repeat(mega), 500, EXPECTED),
        ("{\"a\":".repeat(mega / 4), 500, EXPECTED),
        (format!("[\"x\",{}", "[".repeat(mega)), 500, EXPECTED),
        (format!("[{}\"\"]", "\"\",".repeat(1_000_000)), 404, UNKNOWN),
        (format!("[{}{}", "\"\",".repeat(1001), "[".repeat(mega)), 500, EXPECTED),
        (format!("[{}{}]", "\"\",".repeat(1001), "[".repeat(mega) + &"]".repeat(mega)), 500, EXPECTED),
        (format!("[{}\"\"", "\"\",".repeat(1001)), 500, BROKEN),
        (format!("[\"{}\"]", "x".repeat(9 * mega)), 413, "Message too big."),
        (format!("[\"{}\"]", "\\u0000".repeat(mega)), 404, UNKNOWN),
        (format!("{}[]", " ".repeat(mega)), 404, UNKNOWN),
        (own("[]"), 404, UNKNOWN),
    ]
}

#[tokio::test]
async fn p7_every_payload_gets_one_complete_answer() {
    let target = Target::with(|_, settings| {
        settings.limits.max_body_bytes = 16 << 20;
        settings.limits.max_message_bytes = 8 << 20;
    })
    .await;
    for (payload, status, text) in payloads() {
        // Both read alike, so the large ones, which take their time, are read once.
        let transports = if payload.len() < 1 << 16 { &["xhr_send", "jsonp_send"][..] } else { &["xhr_send"] };
        for transport in transports {
            let answer = target.answer(post(&format!("/e/000/nobody/{transport}"), &payload)).await;
            let shown = &payload.escape_debug().to_string()[..payload.len().min(40)];
            assert_eq!((answer.status, answer.text()), (status, text), "{transport} {shown}");
            assert!(answer.complete);
        }
    }
    target.survives().await;
}

#[tokio::test]
async fn p7_bytes_that_are_no_utf8_get_a_complete_answer() {
    let target = Target::start().await;
    for bad in [&b"[\"\xff\"]"[..], b"[\"\xc3\"]", b"[\"\xed\xa0\x80\"]", b"\xff\xfe[\0]\0"] {
        let head =
            post("/e/000/nobody/xhr_send", "").replace("Content-Length: 0", &format!("Content-Length: {}", bad.len()));
        let answer = target.answer([head.as_bytes(), bad].concat()).await;
        assert!(matches!(answer.status, 404 | 500) && answer.complete, "{}: {answer:?}", bad.escape_ascii());
    }
    target.survives().await;
}

/// What the application has not handled waits as it came. Taken apart, these messages would need 7 MB.
#[test]
fn p7_as_many_messages_as_fit_in_a_body_cost_no_more_memory_than_its_bytes() {
    alone(
        "attacks::p_sessions::p7_as_many_messages_as_fit_in_a_body_cost_no_more_memory_than_its_bytes",
        "true",
        async {
            const SESSIONS: usize = 10;
            let server = TestServer::start(Settings::default(), Idle).await;
            let target = Target::over(server);
            let messages = (512 * 1024 - 4) / 3;
            let body = format!("[{}\"\"]", "\"\",".repeat(messages - 1));
            let before = resident();
            for _ in 0..SESSIONS {
                let session = unique("full");
                assert_eq!(target.answer(post(&format!("/e/000/{session}/xhr"), "")).await.text(), "o\n");
                assert_eq!(target.answer(post(&format!("/e/000/{session}/xhr_send"), &body)).await.status, 204);
            }
            let each = resident().saturating_sub(before) / SESSIONS;
            assert!(each < 4 * body.len(), "{each} bytes each");
        },
    );
}

/// An application that is at work for ever with what it got first.
struct Idle;

impl Handler for Idle {
    async fn message(&self, _: &SessionHandle, _: Message) {
        std::future::pending().await
    }
}

/// By default a body of 512 KiB is the limit, so most of the above is not even read.
#[tokio::test]
async fn p7_a_payload_over_the_default_limits_is_413() {
    let target = Target::start().await;
    for payload in ["\n".repeat(512 * 1024 + 1), format!("[\"{}\"]", "x".repeat(128 * 1024 + 1))] {
        let answer = target.answer(post("/e/000/nobody/xhr_send", &payload)).await;
        assert_eq!(answer.status, 413);
    }
    target.survives().await;
}

#[tokio::test]
async fn p8_what_is_sent_to_an_unknown_session_is_404_and_opens_none() {
    let target = Target::start().await;
    for transport in ["xhr_send", "jsonp_send"] {
        let answer = target.answer(post(&format!("/e/000/unknown/{transport}"), "[\"x\"]")).await;
        assert_eq!(answer.status, 404, "{transport}");
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[tokio::test]
async fn p8_every_receiver_of_a_closed_session_is_told_how_it_closed() {
    let target = Target::start().await;
    let session = unique("closed");
    let path = |transport: &str| format!("/e/000/{session}/{transport}");
    assert_eq!(target.answer(post(&path("xhr"), "")).await.text(), "o\n");
    assert_eq!(target.answer(post(&path("xhr_send"), "[\"last words\",\"close\"]")).await.status, 204);
    eventually("it is closed", || target.ended("application") == 1).await;
    assert_eq!(target.answer(post(&path("xhr"), "")).await.text(), "a[\"last words\"]\n");
    let close = "c[3000,\"Go away!\"]";
    for (request, body) in [
        (post(&path("xhr"), ""), format!("{close}\n")),
        (post(&path("xhr_streaming"), ""), format!("{}\n{close}\n", "h".repeat(2048))),
        (get(&path("eventsource")), format!("\r\ndata: {close}\r\n\r\n")),
        (get(&path("jsonp?c=x")), "/**/x(\"c[3000,\\\"Go away!\\\"]\");\r\n".into()),
    ] {
        assert_eq!(target.answer(request).await.text(), body);
        // What is sent to it is taken and dropped.
        assert_eq!(target.answer(post(&path("xhr_send"), "[\"x\"]")).await.status, 204);
    }
    target.survives().await;
}

/// Nobody takes messages out of the inbox of a session that has ended, so a request must not wait for room in it.
#[tokio::test]
async fn p8_what_is_sent_to_a_session_that_has_ended_never_waits() {
    let target = Target::start().await;
    let session = unique("panicked");
    let path = |transport: &str| format!("/e/000/{session}/{transport}");
    assert_eq!(target.answer(post(&path("xhr"), "")).await.text(), "o\n");
    let body = format!("[{}\"panic\"]", "\"x\",".repeat(999));
    assert_eq!(target.answer(post(&path("xhr_send"), &body)).await.status, 204);
    target.ends("internal_error", 1).await;
    for _ in 0..3 {
        let body = format!("[{}\"x\"]", "\"x\",".repeat(999));
        assert_eq!(target.answer(post(&path("xhr_send"), &body)).await.status, 204);
    }
    target.survives().await;
}

const MANY: usize = 20_000;

/// Opens many sessions over a few connections, sees `o` for each, and never comes back.
async fn abandon_many(target: &Target, round: usize) {
    for batch in 0..MANY / 1000 {
        let poll = |n: usize| {
            format!("POST /e/000/abandoned-{round}-{batch}-{n}/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        };
        let mut wire: Wire = target.connect().await;
        let requests: String = (0..999).map(poll).collect();
        wire.send(requests + &post(&format!("/e/000/abandoned-{round}-{batch}-999/xhr"), "")).await;
        let bytes = wire.rest().await;
        let answers = answers(&bytes);
        assert_eq!(answers.len(), 1000);
        assert!(answers.iter().all(|answer| answer.text() == "o\n"));
    }
}

/// Of 20,000 sessions 50 bytes each would show.
#[test]
fn p9_twenty_thousand_abandoned_sessions_are_gone_within_the_delay_and_their_memory_too() {
    alone(
        "attacks::p_sessions::p9_twenty_thousand_abandoned_sessions_are_gone_within_the_delay_and_their_memory_too",
        "true",
        async {
            let delay = Duration::from_secs(1);
            let target = Target::with(|_, settings| {
                settings.session.disconnect_delay = delay;
                settings.limits.max_sessions_per_address = settings.limits.max_sessions;
            })
            .await;
            leaves_nothing_behind(async |round| {
                abandon_many(&target, round).await;
                target.is_empty().await;
                assert_eq!(target.ended("absent"), ((round + 1) * MANY) as u64);
            })
            .await;
            target.survives().await;
        },
    );
}

/// An id is held as long as its session, and remembered beyond: it is no place to store kilobytes.
#[tokio::test]
async fn p9_a_session_id_of_more_than_128_bytes_is_404() {
    let target = Target::start().await;
    for (length, status) in [(128, 200), (129, 404), (7000, 404)] {
        let answer = target.answer(post(&format!("/e/000/{}/xhr", "x".repeat(length)), "")).await;
        assert_eq!(answer.status, status, "{length}");
    }
    target.survives().await;
}

/// A server whose middleware believes the header X-User.
async fn with_users() -> Target {
    let byway = Byway::new(Settings::default(), Echo).expect("the defaults are valid");
    let authenticated = byway.endpoint().before(|mut request: Request| async move {
        if let Some(user) = request.header("X-User").map(str::to_owned) {
            request.set_data(Principal::new(user));
        }
        Ok(request)
    });
    let routes = Route::new().nest("/e", authenticated);
    Target::over(TestServer::start_routes(byway, routes).await)
}

const RECEIVERS: &[(&str, &str)] = &[
    ("POST", "xhr"),
    ("POST", "xhr_streaming"),
    ("GET", "eventsource"),
    ("GET", "htmlfile?c=x"),
    ("GET", "jsonp?c=x"),
];

#[tokio::test]
async fn p10_a_session_answers_nobody_but_the_principal_who_opened_it_on_any_transport() {
    let target = with_users().await;
    for owner in ["X-User: ada\r\n", ""] {
        let session = unique("owned");
        let path = |transport: &str| format!("/e/000/{session}/{transport}");
        assert_eq!(target.answer(request("POST", &path("xhr"), owner)).await.text(), "o\n");
        for stranger in ["X-User: bob\r\n", "X-User: Ada\r\n", "X-User: \r\n", "X-User: ada\r\n", ""] {
            if stranger == owner {
                continue;
            }
            for (method, transport) in RECEIVERS {
                let answer = target.answer(request(method, &path(transport), stranger)).await;
                assert_eq!(answer.status, 404, "{owner:?} {stranger:?} {transport}");
            }
            is_as_if_unknown(&target, &session, stranger).await;
        }
        let sent = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\n{owner}Connection: close\r\nContent-Length: 8\r\n\r\n[\"mine\"]",
            path("xhr_send")
        );
        assert_eq!(target.answer(sent).await.status, 204);
        assert_eq!(target.answer(request("POST", &path("xhr"), owner)).await.text(), "a[\"mine\"]\n");
    }
    target.survives().await;
}

/// What is sent to somebody else's session is answered byte for byte as if there were none.
async fn is_as_if_unknown(target: &Target, session: &str, stranger: &str) {
    for transport in ["xhr_send", "jsonp_send"] {
        let send = |session: &str| {
            format!(
                "POST /e/000/{session}/{transport} HTTP/1.1\r\nHost: x\r\n{stranger}Connection: close\r\nContent-Length: 6\r\n\r\n[\"no\"]"
            )
        };
        let (mut foreign, mut unknown) = (target.answer(send(session)).await, target.answer(send("unknown")).await);
        for answer in [&mut foreign, &mut unknown] {
            answer.headers.retain(|(name, _)| name != "date");
        }
        assert_eq!(foreign, unknown);
        assert_eq!(foreign.status, 404);
    }
}

/// The owner may switch transports, and the session stays what it was.
#[tokio::test]
async fn p10_the_owner_goes_on_over_another_transport() {
    let target = with_users().await;
    let session = unique("switching");
    let path = |transport: &str| format!("/e/000/{session}/{transport}");
    let user = "X-User: ada\r\n";
    assert_eq!(target.answer(request("POST", &path("xhr"), user)).await.text(), "o\n");
    target.server.byway.group("all").publish("for ada").unwrap();
    let answer = target.answer(request("GET", &path("jsonp?c=x"), user)).await;
    assert_eq!(answer.text(), "/**/x(\"a[\\\"for ada\\\"]\");\r\n");
    let session = target.server.byway.sessions().remove(0);
    assert_eq!(session.principal(), Some(&Principal::new("ada")));
    assert_eq!(session.transport().name(), "xhr");
    target.survives().await;
}

/// WebSockets have no session id, so there is nothing to take over: the same URL is another session each time.
#[tokio::test]
async fn p10_a_websocket_takes_no_session_over() {
    let target = with_users().await;
    assert_eq!(target.answer(request("POST", "/e/000/prey/xhr", "X-User: ada\r\n")).await.text(), "o\n");
    let (socket, _) = Socket::offering(target.address(), "/e/000/prey/websocket", "X-User: bob\r\n").await;
    eventually("both are there", || target.sessions() == 2).await;
    drop(socket);
    eventually("the socket's is gone", || target.sessions() == 1).await;
    assert_eq!(target.ended("interrupted"), 1);
    target.survives().await;
}

const STREAMED: usize = 3000;

/// Reads responses of one session, one after the other, until the last message came.
async fn stream_all(transport: &str) {
    let target = Target::with(|_, settings| settings.sockjs.response_limit = 4096).await;
    let session = unique("streamed");
    let method = if transport.starts_with("xhr") { "POST" } else { "GET" };
    let path = format!("/e/000/{session}/{transport}");
    let mut received = Vec::new();
    let mut responses = 0;
    let mut sent = 0;
    while received.len() < STREAMED {
        // Some wait when the response begins, and some come while it goes on.
        send(&target, &mut sent, 20);
        let mut wire = target.connect().await;
        wire.send(request(method, &path, "")).await;
        wire.until("\r\n\r\n").await;
        send(&target, &mut sent, 60);
        let body = wire.rest().await;
        responses += 1;
        assert!(responses < 1000, "{transport}: {} of {STREAMED}", received.len());
        received.extend(numbers(&String::from_utf8(body).expect("text")));
    }
    assert!(responses > 20, "{transport}: {responses}");
    assert_eq!(received, (0..STREAMED).collect::<Vec<_>>(), "{transport}");
    assert_eq!(target.opened(), 1);
    target.survives().await;
}

/// Sends the next numbers, each in a message of about 100 bytes; behind the last one it closes, so that the last response
/// ends as well.
fn send(target: &Target, sent: &mut usize, count: usize) {
    // Before the first response there is no session to get them.
    let Some(session) = target.server.byway.sessions().pop() else { return };
    for _ in 0..count.min(STREAMED - *sent) {
        session.send(format!("<{sent}>{:90}", "")).expect("the queue has room for all");
        *sent += 1;
    }
    if *sent == STREAMED {
        session.close();
    }
}

/// The numbers in messages: `<n>`, with the angle bracket escaped in a page's script.
fn numbers(body: &str) -> Vec<usize> {
    let plain = body.replace("\\u003c", "<");
    let starts = plain.split('<').skip(1);
    starts.filter_map(|rest| rest.split_once('>')?.0.parse().ok()).collect()
}

#[tokio::test]
async fn p11_a_stream_that_passes_its_limit_ends_and_the_next_one_goes_on_without_loss() {
    for transport in ["xhr_streaming", "eventsource", "htmlfile?c=x"] {
        stream_all(transport).await;
    }
}
