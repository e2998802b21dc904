//! H10 and H11: fields of a request that say who asks, and for whom.

use super::http::{Answer, Wire, answers};
use super::socket::HANDSHAKE;
use super::target::{Echo, Target, unique};
use crate::support::TestServer;
use crate::support::stage::auth;
use byway::policy::{AnonymousPolicy, TokenSettings, TrustedProxies};
use byway::server::{Server, ServerSettings};
use byway::{Byway, Settings, Stomp};
use poem::Route;
use std::net::SocketAddr;

/// Sends bytes that need not be text.
async fn answer(target: &Target, bytes: &[u8]) -> Answer {
    let mut found = target.exchange(bytes).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn get(path: &str, lines: &[&[u8]]) -> Vec<u8> {
    let lines: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\r\n"[..]].concat()).collect();
    [format!("GET {path} HTTP/1.1\r\nConnection: close\r\n").as_bytes(), &lines, b"\r\n"].concat()
}

#[tokio::test]
async fn h10_a_request_that_names_no_host_is_400_on_every_path() {
    let target = Target::start().await;
    for path in ["/e/", "/e/info", "/e/websocket", "/nothing"] {
        for host in
            [&b"X: y"[..], b"Host:", b"Host:  ", b"Host: caf\xe9", b"Host: caf\xc3\xa9.com", b"Host: a b", b"Host: a:b"]
        {
            let refusal = answer(&target, &get(path, &[host])).await;
            assert_eq!((refusal.status, refusal.header("connection")), (400, Some("close")), "{path} {host:?}");
        }
    }
    let old = answer(&target, b"GET /e/ HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.status, 200, "HTTP/1.0 knows no Host");
    target.survives().await;
}

/// A server on loopback with these names, and these networks of proxies.
async fn named(hosts: &[&str], proxies: &str) -> (Byway, SocketAddr) {
    let hosts = hosts.iter().map(ToString::to_string).collect();
    let networks: Vec<_> = proxies.split_whitespace().map(|network| network.parse().expect("a network")).collect();
    let settings = Settings { trusted_proxies: networks.clone(), ..Settings::default() };
    let byway = Byway::new(settings, Echo).expect("the test's settings are valid");
    let listener = Server::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let server = Server::new(ServerSettings { hosts, ..ServerSettings::default() });
    let server = server.trusted_proxies(TrustedProxies::new(networks));
    let routes = Route::new().nest("/e", byway.endpoint());
    tokio::spawn(server.serve(listener, routes, std::future::pending()));
    (byway, address)
}

async fn status(address: SocketAddr, bytes: &[u8]) -> u16 {
    let mut wire = Wire::connect(address).await;
    wire.send(bytes).await;
    let head = wire.until("\r\n\r\n").await;
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// What a page of this host can have its browser send: to its own origin without any sign that a page is behind it.
fn of_a_page(host: &str) -> [Vec<u8>; 4] {
    let (host, origin) = (format!("Host: {host}"), format!("Origin: http://{host}"));
    let (host, origin) = (host.as_bytes(), origin.as_bytes());
    let handshake = HANDSHAKE.trim_end().as_bytes();
    [
        get("/e/info", &[host]),
        get(&format!("/e/000/{}/eventsource", unique("rebound")), &[host]),
        get(&format!("/e/000/{}/jsonp?c=x", unique("rebound")), &[host, origin]),
        [b"GET /e/websocket HTTP/1.1\r\n", host, b"\r\n", origin, b"\r\n", handshake, b"\r\n\r\n"].concat(),
    ]
}

#[tokio::test]
async fn h10_a_page_that_gives_its_own_name_the_loopback_address_is_no_page_of_the_server_s() {
    let (byway, address) = named(&[], "").await;
    let port = address.port();
    for host in
        ["evil.com".to_owned(), format!("evil.com:{port}"), "localhost.evil.com".to_owned(), "0.0.0.0".to_owned()]
    {
        for request in of_a_page(&host) {
            assert_eq!(status(address, &request).await, 421, "{}", String::from_utf8_lossy(&request));
        }
    }
    assert_eq!(byway.stats().opened.values().sum::<u64>(), 0);
    for host in
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), "app.localhost".to_owned(), "[::1]".to_owned()]
    {
        let statuses = [200, 200, 200, 101];
        for (request, expected) in of_a_page(&host).into_iter().zip(statuses) {
            assert_eq!(status(address, &request).await, expected, "{}", String::from_utf8_lossy(&request));
        }
    }
}

#[tokio::test]
async fn h10_a_server_has_the_names_that_are_listed_and_those_that_its_proxies_pass_on() {
    let (_listed, address) = named(&["example.com", "*.example.org"], "").await;
    for (host, expected) in [("example.com", 200), ("a.example.org:8080", 200), ("localhost", 421), ("evil.com", 421)] {
        assert_eq!(status(address, &of_a_page(host)[0]).await, expected, "{host}");
    }
    let (_behind, address) = named(&[], "127.0.0.0/8").await;
    for request in of_a_page("example.com") {
        assert!([200, 101].contains(&status(address, &request).await));
    }
}

#[tokio::test]
async fn h11_a_byte_beyond_ascii_hides_no_token_that_stands_beside_it() {
    let mut settings = auth(AnonymousPolicy::Deny);
    settings.token = TokenSettings { cookie: Some("session".into()), ..TokenSettings::default() };
    let stomp = Stomp::new().auth(&settings).expect("the test's settings are valid");
    let (byway, _messenger) = Byway::stomp(Settings::default(), stomp).expect("the test's settings are valid");
    let routes = Route::new().nest("/e", byway.endpoint());
    let server = TestServer::serve(ServerSettings::default(), byway, routes);
    let token = crate::support::stage::token("ada");
    let cookie = [b"Cookie: theme=caf\xe9; session=", token.as_bytes()].concat();
    let bearer = [b"Authorization: bEARER ", token.as_bytes()].concat();
    for (lines, expected) in [
        (&[&cookie[..]][..], 200),
        (&[b"Cookie: \xff\xfe", &cookie], 200),
        (&[b"Authorization: Basic \xff", &bearer], 200),
        (&[b"Authorization: Bearer caf\xe9", &cookie], 401),
        (&[b"Cookie: theme=caf\xe9"], 401),
    ] {
        let lines = [&[&b"Host: x"[..]], lines].concat();
        assert_eq!(status(server.address, &get("/e/feed/topic/a", &lines)).await, expected, "{lines:?}");
    }
}

#[tokio::test]
async fn h11_a_list_on_several_lines_is_one_list_whatever_else_is_in_it() {
    let target = Target::with(|_, settings| {
        settings.websocket.protocols = vec!["v12.stomp".into()];
        settings.websocket.deflate = true;
        settings.sockjs.jsessionid = true;
    })
    .await;
    let handshake = [
        &b"Host: x"[..],
        b"Connection: keep-alive, \xff",
        b"Connection: Upgrade",
        b"Upgrade: h2c",
        b"Upgrade: caf\xe9, WebSocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Protocol: caf\xe9",
        b"Sec-WebSocket-Protocol: mqtt, v12.stomp",
        b"Sec-WebSocket-Extensions: x-\xff",
        b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15",
    ];
    for path in ["/e/", "/e/websocket", "/e/000/lines/websocket"] {
        let mut wire = target.connect().await;
        let lines: Vec<u8> = handshake.iter().flat_map(|line| [line, &b"\r\n"[..]].concat()).collect();
        wire.send([format!("GET {path} HTTP/1.1\r\n").as_bytes(), &lines, b"\r\n"].concat()).await;
        let head = answers(wire.until("\r\n\r\n").await.as_bytes()).remove(0);
        assert_eq!((head.status, head.header("sec-websocket-protocol")), (101, Some("v12.stomp")), "{path}");
        // A client that asks for a window is told that it has it (RFC 7692, section 7.1.2.1), or fails the connection.
        let agreed =
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";
        assert_eq!(head.header("sec-websocket-extensions"), Some(agreed));
    }
    let lines = [&b"Host: x"[..], b"Cookie: a=\xff; JSESSIONID=node1", b"Cookie: JSESSIONID=node2"];
    let polled = answer(&target, &get(&format!("/e/000/{}/jsonp?c=x", unique("lines")), &lines)).await;
    assert_eq!(polled.header("set-cookie"), Some("JSESSIONID=node1; path=/"));
    target.survives().await;
}

/// A proxy that is trusted, and what it says of its client.
async fn behind_a_proxy(target: &Target, lines: &[&[u8]]) -> (u16, Vec<String>) {
    let path = format!("/e/000/{}/jsonp?c=x", unique("proxied"));
    let answer = answer(target, &get(&path, &[&[&b"Host: x"[..]], lines].concat())).await;
    let sessions = target.server.byway.sessions();
    let addresses = sessions.iter().map(|session| session.remote_addr().to_string()).collect();
    sessions.iter().for_each(|session| session.close());
    target.is_empty().await;
    (answer.status, addresses)
}

#[tokio::test]
async fn h11_a_client_that_cannot_be_read_is_400_and_never_the_proxy() {
    let target = Target::with(|_, settings| {
        settings.trusted_proxies =
            vec!["127.0.0.0/8".parse().expect("a network"), "10.0.0.0/8".parse().expect("a network")];
        settings.session.disconnect_delay = std::time::Duration::from_millis(50);
    })
    .await;
    let is_client = |address: &str| (200, vec![address.to_owned()]);
    for (lines, expected) in [
        (&[&b"X-Forwarded-For: \xff, 203.0.113.7"[..]][..], is_client("203.0.113.7")),
        (&[b"X-Forwarded-For: \xff", b"X-Forwarded-For: 203.0.113.7, 10.0.0.1"], is_client("203.0.113.7")),
        (&[b"X-Forwarded-For: 203.0.113.7, \xff"], (400, vec![])),
        (&[b"X-Forwarded-For: 203.0.113.7, caf\xe9, 10.0.0.1"], (400, vec![])),
        (&[b"X-Forwarded-For: unknown"], (400, vec![])),
        (&[b"Forwarded: for=198.51.100.1, for=\"[2001:db8::7]:80\";proto=https"], is_client("2001:db8::7")),
        (&[b"Forwarded: for=198.51.100.1, for=_hidden"], (400, vec![])),
        (&[b"Forwarded: for=\"198.51.100.1", b"Forwarded: for=203.0.113.7"], is_client("203.0.113.7")),
        (&[b"Forwarded: for=198.51.100.1", b"X-Forwarded-For: 203.0.113.7"], is_client("203.0.113.7")),
        (&[], is_client("127.0.0.1")),
    ] {
        assert_eq!(behind_a_proxy(&target, lines).await, expected, "{lines:?}");
    }
    assert_eq!(target.refused("client_address"), 4);
    target.survives().await;
}

#[tokio::test]
async fn h11_the_own_page_is_own_in_every_spelling_of_the_scheme_that_a_trusted_proxy_says() {
    let trusting = |trusted: bool| {
        Target::with(move |_, settings| {
            settings.trusted_proxies =
                if trusted { vec!["127.0.0.0/8".parse().expect("a network")] } else { Vec::new() };
        })
    };
    let (trusting, other) = (trusting(true).await, trusting(false).await);
    for said in [
        &b"X-Forwarded-Proto: https"[..],
        b"X-Forwarded-Proto: wss",
        b"X-Forwarded-Proto: https, http",
        b"X-Forwarded-Proto: \xff, HTTPS",
        b"X-Forwarded-Scheme: https",
        b"X-Forwarded-Ssl: on",
        b"Front-End-Https: On",
        b"Forwarded: for=192.0.2.1;proto=https;host=\"caf\xe9\"",
    ] {
        for (origin, expected) in [
            (&b"Origin: https://x"[..], 200),
            (b"Origin: wss://x", 200),
            (b"Origin: https://x/", 200),
            (b"Origin: http://x", 403),
        ] {
            let request = get("/e/info", &[b"Host: x", origin, said]);
            assert_eq!(answer(&trusting, &request).await.status, expected, "{said:?} {origin:?}");
            let as_if_unsaid = if expected == 200 { 403 } else { 200 };
            assert_eq!(answer(&other, &request).await.status, as_if_unsaid, "{said:?} {origin:?}, from a stranger");
        }
    }
    trusting.survives().await;
}
