//! Who clients are: by tokens as identity providers make them.

use crate::client::{answer, connect, get_with, head, websocket};
use crate::process::{Byway, Folder, run};
use byway::policy::{JwtSettings, Minter};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};
use tungstenite::{Message, WebSocket};

const SECRET: &str = "a secret of thirty-two bytes, just";

/// A configuration with tokens of the tests' secret, and this beside.
fn with(more: &str) -> Folder {
    let names = "auth.jwt.require_issuer = false\nauth.jwt.require_audience = false";
    let endpoint = "[endpoints.main]\npath = \"/main\"\napp = \"stomp\"";
    Folder::new().with("byway.toml", &format!("auth.jwt.secret = \"{SECRET}\"\n{names}\n{more}\n{endpoint}\n"))
}

fn token(claims: Value) -> String {
    let settings = JwtSettings {
        secret: Some(SECRET.into()),
        require_issuer: false,
        require_audience: false,
        ..JwtSettings::default()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let mut all = json!({ "exp": now + 3600 });
    let (Value::Object(all), Value::Object(claims)) = (&mut all, claims) else { panic!("claims are an object") };
    all.extend(claims);
    let minter = Minter::new(&settings).expect("the tests' secret is long enough");
    minter.mint(all.clone()).expect("a secret can sign").expose().to_owned()
}

/// A STOMP client, which is let in or not.
struct Client(WebSocket<TcpStream>);

impl Client {
    fn connect(byway: &Byway, token: &str) -> (Self, String) {
        let mut client = Self(websocket(connect(&byway.address), "/main"));
        let answer = client.ask(&format!("CONNECT\naccept-version:1.2\nhost:x\nAuthorization:Bearer {token}\n\n\0"));
        (client, answer)
    }

    fn ask(&mut self, frame: &str) -> String {
        self.0.send(Message::text(frame)).expect("the frame is taken");
        self.hear()
    }

    fn hear(&mut self) -> String {
        self.0.read().expect("an answer").into_text().expect("text").to_string()
    }
}

#[test]
fn the_log_says_whose_session_ended_and_writes_out_what_a_name_hides() {
    let byway = Byway::start_in(with(""), &[]);
    for (name, logged) in [("ada", "ada"), ("\u{202e}ada ", "\\u{202e}ada\\u{20}")] {
        let (mut client, connected) = Client::connect(&byway, &token(json!({ "sub": name })));
        assert!(connected.contains(&format!("user-name:{name}\n")), "{connected}");
        client.0.close(None).expect("it closes");
        assert_eq!(byway.logged("session ended")["principal"], logged);
    }
}

#[test]
fn claims_of_identity_providers_count_in_rules_in_places_in_names_and_in_presence() {
    let byway = Byway::start_in(with(CLAIMS), &[]);
    let token = token(json!({
        "uid": 4711,
        "email_verified": true,
        "realm_access": { "roles": ["staff", "user"], "level": 7 },
        "https://example.com/tenants": ["red", "blue"],
    }));
    let (mut client, connected) = Client::connect(&byway, &token);
    assert!(connected.contains("user-name:4711\n"), "{connected}");
    for (id, destination, allowed) in [
        (1, "/topic/staff", true),
        (2, "/topic/of/blue/news", true),
        (3, "/topic/own/4711", true),
        (4, "/topic/verified", true),
        (5, "/topic/of/green/news", false),
        (6, "/topic/root", false),
    ] {
        let answer = client.ask(&format!("SUBSCRIBE\nid:{id}\ndestination:{destination}\nreceipt:r\n\n\0"));
        let command = if allowed { "RECEIPT" } else { "ERROR" };
        assert!(answer.starts_with(command), "{destination}: {answer}");
    }
    let present = client.ask("SUBSCRIBE\nid:7\ndestination:/presence/topic/staff\n\n\0");
    assert!(present.contains(r#""claims":{"realm_access.level":7}"#), "{present}");
}

const CLAIMS: &str = r#"
    auth.jwt.principal_claim = "uid"
    messaging.refusals = "keep"
    broker.presence = [{ pattern = "/topic/staff", claims = ["realm_access.level"] }]
    rules = [
        { who = { claim = "realm_access.roles", value = "staff" }, destination = "/topic/staff", effect = "allow" },
        { who = { claim = "realm_access.roles", value = "root" }, destination = "/topic/root", effect = "allow" },
        { who = { claim = "email_verified", value = true }, destination = "/topic/verified", effect = "allow" },
        { who = "authenticated", destination = "/topic/of/{claim:https://example.com/tenants}/**", effect = "allow" },
        { who = { claim = "uid", value = 4711 }, destination = "/topic/own/{claim:uid}", effect = "allow" },
        { who = "authenticated", destination = "/presence/topic/staff", effect = "allow" },
    ]
"#;

#[test]
fn a_long_token_comes_in_where_that_is_configured() {
    let groups = token(json!({ "sub": "ada", "groups": vec!["a-group-of-many"; 500] }));
    assert!(groups.len() > 12_000, "{}", groups.len());
    let limits = "auth.token.max_bytes = 13000\n[stomp]\nmax_line_bytes = 14000\nmax_head_bytes = 16384";
    let bearer = format!("Authorization: Bearer {groups}\r\n");
    for (more, connected, status) in [(limits, "CONNECTED", "204"), ("", "ERROR", "401")] {
        let history = "broker.history = [{ pattern = \"/topic/**\" }]\n";
        let byway = Byway::start_in(with(&format!("{history}{more}")), &[]);
        let (_client, answer) = Client::connect(&byway, &groups);
        assert!(answer.starts_with(connected), "{answer}");
        let poll = get_with(&byway.address, "/main/feed/topic/a?format=poll&wait=0", &bearer);
        assert_eq!(poll.status(), status, "{}", poll.body);
    }
}

#[test]
fn a_token_that_could_not_come_in_is_refused_at_the_start_with_the_limit_that_is_too_low() {
    for (more, expected) in [
        (
            "auth.token.max_bytes = 12288",
            "stomp.max_line_bytes = 8448: expected at least 12312, or less than 12288 in auth.token.max_bytes",
        ),
        (
            "auth.token.max_bytes = 16000\nstomp.max_line_bytes = 16384",
            "server.max_head_bytes = 16384: expected at least 17024",
        ),
        ("stomp.max_line_bytes = 8192", "stomp.max_line_bytes = 8192: expected at least 8216"),
        ("stomp.max_head_bytes = 8192", "stomp.max_head_bytes = 8192: expected at least 8448"),
        (
            "auth.token.query_parameter = \"t\"\nserver.max_target_bytes = 4096",
            "server.max_target_bytes = 4096: expected at least 8192",
        ),
        ("auth.token.max_bytes = 0", "auth.token.max_bytes: expected at least 1"),
    ] {
        let (code, _, err) = run(&with(more), &["check"], &[]);
        assert!(code == 1 && err.contains(expected), "{more}: {err}");
    }
    assert_eq!(run(&with(""), &["check"], &[]).0, 0);
}

/// Answers one request with a set that has this key, from an address that is this machine's and does not say so.
fn key_server(pair: &KeyPair) -> String {
    let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).expect("a key");
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a public key");
    jwk.common.key_id = Some("a".to_owned());
    let set = json!({ "keys": [jwk] }).to_string();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            head(&mut stream);
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{set}", set.len()).expect("it is taken");
        }
    });
    format!("http://0.0.0.0:{port}/keys")
}

#[test]
fn keys_come_from_another_machine_without_tls_only_where_that_is_said() {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let url = key_server(&pair);
    let file = |more: &str| {
        let endpoint = "[endpoints.main]\npath = \"/main\"\napp = \"stomp\"";
        let jwt = format!("jwks_url = \"{url}\"\nprivate_key_file = \"key.pem\"\nissuer = \"me\"\naudience = \"here\"");
        let folder = Folder::new().with("key.pem", &pair.serialize_pem());
        folder.with("byway.toml", &format!("[auth.jwt]\n{jwt}\n{more}\n{endpoint}"))
    };
    let (code, _, err) = run(&file(""), &["check"], &[]);
    assert!(code == 1 && err.contains("auth.jwt.jwks_url: expected https://, or auth.jwt.allow_plain_http"), "{err}");
    let folder = file("allow_plain_http = true");
    let (_, token, err) = run(&folder, &["token", "--subject", "ada"], &[]);
    assert_eq!(err, "");
    let byway = Byway::start_in(folder, &[]);
    let (_client, connected) = Client::connect(&byway, token.trim());
    assert!(connected.contains("user-name:ada\n"), "{connected}");
    let (code, _, err) = run(&with("auth.jwt.allow_plain_http = true"), &["check"], &[]);
    assert!(code == 1 && err.contains("auth.jwt.allow_plain_http: allows nothing"), "{err}");
}

#[test]
fn check_tells_which_claims_no_token_has_and_shows_none_of_them() {
    let keycloak = token(json!({ "sub": "ada", "realm_access": { "roles": ["canary"] } }));
    let rules = r#"
        auth.jwt.principal_claim = "uid"
        broker.presence = [{ pattern = "/topic/*", claims = ["avatar", "sub"] }]
        rules = [
            { who = { claim = "realm_access.roles", value = "a" }, destination = "/topic/a", effect = "allow" },
            { who = { claim = "roles", value = "b" }, destination = "/topic/{claim:tenant}", effect = "allow" },
        ]"#;
    let folder = with(rules).with("token.txt", &keycloak).with("claims.json", r#"[{"tenant":"red"}]"#);
    let names = "they have exp, realm_access.roles, sub";
    let (code, out, err) = run(&folder, &["check", "--token", "token.txt"], &[]);
    let expected = [
        format!("byway: warning: auth.jwt.principal_claim: no token has the claim \"uid\"; {names}"),
        format!("byway: warning: rules: rule 2: no token has the claim \"roles\"; {names}"),
        format!("byway: warning: rules: rule 2: no token has the claim \"tenant\"; {names}"),
        format!("byway: warning: broker.presence: no token has the claim \"avatar\"; {names}"),
    ];
    assert_eq!(
        (code, out.as_str(), err.lines().collect::<Vec<_>>()),
        (0, "ok\n", expected.each_ref().map(|it| &**it).into())
    );
    let (_, _, err) = run(&folder, &["check", "--token", "token.txt", "--token", "claims.json"], &[]);
    assert!(!err.contains("claim \"tenant\"") && err.contains("claim \"roles\""), "{err}");
    let (code, _, err) = run(&folder.with("junk", "canary"), &["check", "--token", "junk"], &[]);
    assert!(code == 1 && err.contains("--token junk: line 1: expected tokens") && !err.contains("canary"), "{err}");
}

#[test]
fn where_wrong_tokens_were_shown_too_often_the_right_one_still_comes_in() {
    let byway = Byway::start_in(with("auth.failures_per_minute = 1"), &[]);
    for expected in ["Authentication failed", "Too many failed attempts"] {
        let (_client, error) = Client::connect(&byway, "junk");
        assert!(error.contains(expected), "{error}");
    }
    let good = token(json!({ "sub": "ada" }));
    assert!(Client::connect(&byway, &good).1.starts_with("CONNECTED"));
    let mut stream = connect(&byway.address);
    write!(stream, "GET /main/feed/topic/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it is taken");
    assert_eq!(answer(&mut stream).status(), "401", "who shows nothing guesses nothing");
}
