//! `[auth.jwt]`

use crate::stage::{File, JWT, read, stomp};
use crate::support::stage::SECRET;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use byway::policy::{JwtSettings, Minter};
use byway::server::Server;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt;

const NO_NAMES: &str = "auth.jwt.require_issuer = false\nauth.jwt.require_audience = false\n";

/// A token with these claims beside a name and an hour.
fn token(keys: JwtSettings, more: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let mut claims = json!({ "sub": "ada", "exp": now + 3600 });
    let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) else { panic!("claims are an object") };
    claims.extend(more);
    let minter = Minter::new(&keys).expect("there is something to sign with");
    minter.mint(claims.clone()).expect("it can sign").expose().to_owned()
}

fn secret() -> JwtSettings {
    JwtSettings { secret: Some(SECRET.into()), ..JwtSettings::default() }
}

/// What CONNECT with this token is answered, where the file has these settings. Junk is none.
async fn shown(settings: &str, token: &str) -> String {
    let stage = stomp(settings);
    assert_eq!(stage.greeting(&[("token", "junk")]).await, BAD);
    stage.greeting(&[("token", token)]).await
}

const GOOD: &str = "CONNECTED";
const BAD: &str = "Authentication failed";

#[tokio::test]
async fn tokens_are_checked_with_the_secret_of_the_file() {
    assert_eq!(shown(JWT, &token(secret(), json!({}))).await, GOOD);
    assert_eq!(shown(&JWT.replace("tests\"", "others\""), &token(secret(), json!({}))).await, BAD);
}

#[tokio::test]
async fn tokens_are_checked_with_the_secret_in_the_file_that_the_file_names() {
    let file = File::new(&format!("{SECRET}\n"));
    let settings = format!("{NO_NAMES}auth.jwt.secret_file = {}", file.quoted());
    assert_eq!(shown(&settings, &token(secret(), json!({}))).await, GOOD);
}

/// A key of two halves: a token that its private one has signed, and what is public.
fn pair() -> (String, KeyPair) {
    let pair = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let file = File::new(&pair.serialize_pem());
    let keys = JwtSettings { private_key_file: Some(file.0.clone()), ..JwtSettings::default() };
    (token(keys, json!({})), pair)
}

#[tokio::test]
async fn tokens_are_checked_with_the_public_key_that_the_file_names() {
    let (token, pair) = pair();
    let file = File::new(&pair.public_key_pem());
    let settings = format!("{NO_NAMES}auth.jwt.public_key_file = {}", file.quoted());
    assert_eq!(shown(&settings, &token).await, GOOD);
}

fn key_set(pair: &KeyPair) -> String {
    let x = URL_SAFE_NO_PAD.encode(pair.der_bytes());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "x": x }] }).to_string()
}

#[tokio::test]
async fn tokens_are_checked_with_the_key_set_that_the_file_names() {
    let (token, pair) = pair();
    let file = File::new(&key_set(&pair));
    assert_eq!(shown(&format!("{NO_NAMES}auth.jwt.jwks_file = {}", file.quoted()), &token).await, GOOD);
}

#[tokio::test]
async fn tokens_are_checked_with_the_key_set_that_is_fetched_where_the_file_says() {
    let (token, pair) = pair();
    let (url, _) = key_server(key_set(&pair));
    assert_eq!(shown(&format!("{NO_NAMES}auth.jwt.jwks_url = \"{url}\""), &token).await, GOOD);
}

/// 0.0.0.0 is this machine, and nothing says so.
#[tokio::test]
async fn a_key_set_comes_from_another_machine_without_tls_where_the_file_says_so() {
    let (token, pair) = pair();
    let (url, _) = key_server(key_set(&pair));
    let url = url.replace("127.0.0.1", "0.0.0.0");
    let settings = format!("{NO_NAMES}auth.jwt.jwks_url = \"{url}\"\nauth.jwt.allow_plain_http = true");
    assert_eq!(shown(&settings, &token).await, GOOD);
}

/// A server of a key set, and how often it was asked.
fn key_server(set: String) -> (String, Arc<AtomicUsize>) {
    let listener = Server::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let (asked, answer) = (Arc::new(AtomicUsize::new(0)), format!("HTTP/1.1 200 OK\r\nContent-Length: {}", set.len()));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            stream.write_all(format!("{answer}\r\n\r\n{set}").as_bytes()).await.ok();
        }
    });
    (url, asked)
}

#[tokio::test]
#[ignore = "takes half a minute, which is the shortest that can be said"]
async fn keys_are_fetched_again_when_they_are_as_old_as_the_file_says() {
    let (token, pair) = pair();
    let (url, asked) = key_server(key_set(&pair));
    let stage = stomp(&format!("{NO_NAMES}auth.jwt.jwks_url = \"{url}\"\nauth.jwt.jwks_refresh = \"30s\""));
    let asking = async {
        while asked.load(Ordering::Relaxed) < 2 {
            assert_eq!(stage.greeting(&[("token", &token)]).await, GOOD);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), asking).await.expect("long before the default");
}

#[tokio::test]
async fn tokens_have_the_issuer_of_the_file() {
    let settings = format!("{JWT}auth.jwt.issuer = \"me\"");
    for (issuer, expected) in [("me", GOOD), ("you", BAD)] {
        assert_eq!(shown(&settings, &token(secret(), json!({ "iss": issuer }))).await, expected);
    }
}

#[tokio::test]
async fn tokens_have_the_audience_of_the_file() {
    let settings = format!("{JWT}auth.jwt.audience = \"here\"");
    for (audience, expected) in [("here", GOOD), ("there", BAD)] {
        assert_eq!(shown(&settings, &token(secret(), json!({ "aud": audience }))).await, expected);
    }
}

#[tokio::test]
async fn an_issuer_and_an_audience_must_be_said_unless_the_file_says_otherwise() {
    for key in ["issuer", "audience"] {
        let required = format!("auth.jwt.require_{key} = false\n");
        let endpoint = "endpoints.e = { path = \"/e\", app = \"stomp\" }\n";
        let error = read(&format!("{endpoint}{}", JWT.replace(&required, ""))).err();
        // The last line of JWT ends it.
        let error = error.unwrap_or_else(|| panic!("{key} need not be said"));
        assert!(error.starts_with(&format!("auth.jwt.{key}: is missing")), "{error}");
    }
    assert_eq!(shown(JWT, &token(secret(), json!({}))).await, GOOD);
}

#[tokio::test]
async fn algorithms_are_those_of_the_file() {
    let long = "s".repeat(64);
    let keys = JwtSettings { secret: Some(long.as_str().into()), ..JwtSettings::default() };
    let of_hs256 = token(keys, json!({}));
    let settings = format!("{NO_NAMES}auth.jwt.secret = \"{long}\"\n");
    assert_eq!(shown(&settings, &of_hs256).await, GOOD);
    assert_eq!(shown(&format!("{settings}auth.jwt.algorithms = [\"HS512\"]"), &of_hs256).await, BAD);
}

#[tokio::test]
async fn clocks_differ_by_no_more_than_the_file_says() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let early = token(secret(), json!({ "nbf": now + 8 }));
    assert_eq!(shown(&format!("{JWT}auth.jwt.leeway = \"10s\""), &early).await, GOOD);
    let late = token(secret(), json!({ "exp": now - 1 }));
    assert_ne!(shown(&format!("{JWT}auth.jwt.leeway = \"0s\""), &late).await, GOOD);
}

#[tokio::test]
async fn a_user_s_name_is_the_claim_of_the_file() {
    let mut client = stomp(&format!("{JWT}auth.jwt.principal_claim = \"login\"")).open().await;
    client.say_connect(&[("token", &token(secret(), json!({ "login": "ada@example.com" })))]).await;
    assert_eq!(client.frame().await.header("user-name"), Some("ada@example.com"));
}
