//! J4: a server of keys that is down, slow, endless, or something else altogether.

use super::fetch::Source;
use super::jwks::RemoteKeys;
use super::*;
use crate::http_client::Server as Target;
use crate::policy::testing::showing;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::Jwk;
use rcgen::{CertifiedKey, KeyPair, PKCS_ECDSA_P256_SHA256, generate_simple_self_signed};
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

const HOUR: Duration = Duration::from_secs(60 * 60);
const ALGORITHM: Algorithm = Algorithm::ES256;

/// What the server does with a request.
#[derive(Clone)]
enum Answer {
    /// Sends these bytes and closes.
    Bytes(String),
    /// Sends this head, and then junk for as long as anybody takes it.
    Endless(&'static str),
    /// Says nothing.
    Silence,
    /// Closes.
    HangUp,
}

struct Server {
    port: u16,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(answer: Answer) -> Self {
        Self::start_with(answer, None).await
    }

    async fn start_with(answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, answer: Arc::new(Mutex::new(answer)), requests: Arc::default() };
        let (answer, requests) = (server.answer.clone(), server.requests.clone());
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                requests.fetch_add(1, Ordering::Relaxed);
                let (answer, tls) = (answer.lock().unwrap().clone(), tls.clone());
                tokio::task::spawn_local(async move {
                    match tls {
                        None => serve(stream, answer).await,
                        // A client that does not trust the certificate leaves.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, answer).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks", self.port)
    }

    fn keys(&self) -> Arc<RemoteKeys> {
        let source = Source::from(Target::parse(&self.url()).unwrap()).within(Duration::from_millis(300));
        RemoteKeys::new(source, HOUR, Vec::new())
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    assert!(head.starts_with(b"GET /jwks HTTP/1.1\r\n"));
    match answer {
        // A client that had enough closes: writing fails, and that is all there is to say.
        Answer::Bytes(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap_or_default(),
        Answer::Endless(head) => {
            let mut sent = stream.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                sent = stream.write_all(&[b'a'; 65536]).await;
            }
        }
        Answer::Silence => {
            stream.read_u8().await.ok();
        }
        Answer::HangUp => {}
    }
}

fn response(status: &str, body: &str) -> Answer {
    let len = body.len();
    Answer::Bytes(format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"))
}

/// An answer with keys of these names, each a key of its own.
fn set_of(names: &[&str]) -> Answer {
    let jwk = |name: &&str| {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        let mut jwk = Jwk::from_encoding_key(&key, ALGORITHM).unwrap();
        jwk.common.key_id = Some(name.to_string());
        jwk
    };
    let keys: Vec<_> = names.iter().map(jwk).collect();
    response("200 OK", &json!({ "keys": keys }).to_string())
}

/// Everything that is no set of keys.
fn bad_answers() -> Vec<Answer> {
    vec![
        Answer::HangUp,
        Answer::Silence,
        Answer::Endless("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"),
        Answer::Endless("HTTP/1.1 200 OK\r\n\r\n"),
        Answer::Endless("HTTP/1.1 200 OK\r\nX: "),
        Answer::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"keys\":".to_owned()),
        Answer::Bytes("SSH-2.0-OpenSSH\r\n".to_owned()),
        Answer::Bytes("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n".to_owned()),
        response("500 Internal Server Error", "{\"keys\":[]}"),
        response("200 OK", "<html>"),
        response("200 OK", "{}"),
        response("200 OK", "{\"keys\":[]}"),
        response("200 OK", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"new\"}]}"),
        response("200 OK", &"[".repeat(100_000)),
    ]
}

/// Servers run beside the test, on its thread.
async fn beside<T>(test: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().run_until(test).await
}

async fn find(keys: &Arc<RemoteKeys>, id: &str, now: Instant) -> Result<(), AuthError> {
    keys.with(Some(id), ALGORITHM, now).await.map(|_| ())
}

#[tokio::test]
async fn j4_keys_are_fetched_once_for_all_who_wait_and_kept() {
    beside(async {
        let server = Server::start(set_of(&["a"])).await;
        let (keys, now) = (server.keys(), Instant::now());
        let answers = join_all((0..100).map(|_| find(&keys, "a", now))).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(find(&keys, "a", now + HOUR / 2).await, Ok(()));
        assert_eq!(server.requests(), 1);
    })
    .await;
}

#[tokio::test]
async fn j4_ten_thousand_unknown_keys_cost_one_fetch_in_thirty_seconds() {
    beside(async {
        let server = Server::start(set_of(&["a"])).await;
        let (keys, now) = (server.keys(), Instant::now());
        find(&keys, "a", now).await.unwrap();
        for n in 0..10_000 {
            let answer = find(&keys, &format!("unknown-{n}"), now + Duration::from_millis(n * 29_999 / 10_000)).await;
            assert_eq!(answer, Err(AuthError::UnknownKey));
        }
        assert_eq!(server.requests(), 1);
        let later = now + Duration::from_secs(30);
        let unknown = (0..100).map(|n| find(&keys, ["x", "y"][n % 2], later));
        assert!(join_all(unknown).await.iter().all(|answer| *answer == Err(AuthError::UnknownKey)));
        assert_eq!(server.requests(), 2);
    })
    .await;
}

/// Of an address that guesses, nothing is fetched: the keys that are here have to do.
#[tokio::test]
async fn j4_whoever_guesses_too_often_causes_no_fetch() {
    beside(async {
        let server = Server::start(set_of(&["a"])).await;
        let keys = server.keys();
        let settings = JwtSettings { require_issuer: false, require_audience: false, ..JwtSettings::default() };
        let tokens = JwtAuthenticator::new(settings, Keys::Remote(Arc::clone(&keys)));
        let unknown = showing(Some("eyJhbGciOiJFUzI1NiIsImtpZCI6InVua25vd24ifQ.e30.AA"), None);
        assert!(tokens.recognize(&unknown).await.is_none());
        assert_eq!(server.requests(), 0);
        keys.refresh(Instant::now()).await;
        assert!(tokens.recognize(&unknown).await.is_none());
        assert_eq!(server.requests(), 1);
    })
    .await;
}

#[tokio::test]
async fn j4_a_new_key_is_found_and_one_that_was_taken_back_is_gone() {
    beside(async {
        let server = Server::start(set_of(&["old", "both"])).await;
        let (keys, now) = (server.keys(), Instant::now());
        find(&keys, "old", now).await.unwrap();
        server.answers(set_of(&["both", "new"]));
        let later = now + Duration::from_secs(31);
        assert_eq!(find(&keys, "new", later).await, Ok(()));
        assert_eq!(find(&keys, "both", later).await, Ok(()));
        assert_eq!(find(&keys, "old", later).await, Err(AuthError::UnknownKey));
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_due_are_fetched_again_before_they_are_used() {
    beside(async {
        let server = Server::start(set_of(&["old"])).await;
        let (keys, now) = (server.keys(), Instant::now());
        find(&keys, "old", now).await.unwrap();
        server.answers(set_of(&["new"]));
        assert_eq!(find(&keys, "old", now + HOUR * 2).await, Err(AuthError::UnknownKey));
        assert_eq!(server.requests(), 2);
    })
    .await;
}

#[tokio::test]
async fn j4_whatever_the_server_does_the_last_good_keys_are_kept() {
    beside(async {
        let server = Server::start(set_of(&["a"])).await;
        let (keys, mut now) = (server.keys(), Instant::now());
        find(&keys, "a", now).await.unwrap();
        for (n, bad) in bad_answers().into_iter().enumerate() {
            server.answers(bad);
            now += HOUR * 2;
            assert_eq!(find(&keys, "a", now).await, Ok(()), "answer {n}");
            assert_eq!(find(&keys, "new", now).await, Err(AuthError::Unavailable), "answer {n}");
            assert_eq!(server.requests(), n + 2);
        }
    })
    .await;
}

#[tokio::test]
async fn without_any_keys_clients_are_told_to_try_again_and_a_fetch_is_tried_each_second() {
    beside(async {
        let server = Server::start(Answer::HangUp).await;
        let (keys, now) = (server.keys(), Instant::now());
        for _ in 0..10 {
            assert_eq!(find(&keys, "a", now).await, Err(AuthError::Unavailable));
        }
        assert_eq!(server.requests(), 1);
        server.answers(set_of(&["a"]));
        assert_eq!(find(&keys, "a", now + Duration::from_secs(1)).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn a_fetch_that_its_clients_left_does_not_stand_in_the_way() {
    beside(async {
        let server = Server::start(set_of(&["a"])).await;
        let (keys, now) = (server.keys(), Instant::now());
        find(&keys, "a", now).await.unwrap();
        server.answers(Answer::Silence);
        let due = now + HOUR * 2;
        // The first step of the fetch, and then nobody asks for the next.
        assert!(find(&keys, "a", due).now_or_never().is_none());
        assert_eq!(find(&keys, "a", due).await, Ok(()), "the keys are still there");
        server.answers(set_of(&["new"]));
        assert_eq!(find(&keys, "a", due + Duration::from_secs(30)).await, Err(AuthError::UnknownKey));
    })
    .await;
}

#[tokio::test]
async fn keys_that_were_fetched_before_the_first_client_are_there_when_it_comes() {
    beside(async {
        let server = Server::start(set_of(&["a"])).await;
        let names = |name: &str| Some(name.to_owned());
        let settings = JwtSettings {
            jwks_url: Some(server.url()),
            issuer: names("me"),
            audience: names("here"),
            ..JwtSettings::default()
        };
        let authenticator = settings.load().unwrap();
        assert_eq!(server.requests(), 0);
        authenticator.prepare().await;
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"a"}"#);
        let forged = format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode([0; 64]));
        assert_eq!(authenticator.verify(&forged, SystemTime::now()).await.err(), Some(AuthError::Signature));
        assert_eq!(server.requests(), 1);
    })
    .await;
}

#[tokio::test]
async fn j4_keys_of_two_issuers_with_the_same_name_are_not_each_other_s() {
    beside(async {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let signing = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        let mut jwk = Jwk::from_encoding_key(&signing, ALGORITHM).unwrap();
        jwk.common.key_id = Some("k".to_owned());
        let own = Server::start(response("200 OK", &json!({ "keys": [jwk] }).to_string())).await;
        let other = Server::start(set_of(&["k"])).await;
        let header = jsonwebtoken::Header { kid: Some("k".to_owned()), ..jsonwebtoken::Header::new(ALGORITHM) };
        let claims = json!({"iss": "own", "aud": "here", "sub": "ada", "exp": 4_000_000_000_u64});
        let token = jsonwebtoken::encode(&header, &claims, &signing).unwrap();
        let verify = async |server: &Server, issuer: &str| {
            let (issuer, audience) = (Some(issuer.to_owned()), Some("here".to_owned()));
            let settings = JwtSettings { jwks_url: Some(server.url()), issuer, audience, ..JwtSettings::default() };
            settings.load().unwrap().verify(&token, SystemTime::now()).await.map(|_| ())
        };
        assert_eq!(verify(&own, "own").await, Ok(()));
        assert_eq!(verify(&other, "own").await, Err(AuthError::Signature));
        assert_eq!(verify(&own, "other").await, Err(AuthError::WrongIssuer));
    })
    .await;
}

#[tokio::test]
async fn keys_come_over_tls_from_a_server_whose_certificate_is_trusted_and_from_no_other() {
    beside(async {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let server = Server::start_with(set_of(&["a"]), Some(TlsAcceptor::from(Arc::new(tls)))).await;
        let find = async |host: &str, certificate| {
            let mut roots = RootCertStore::empty();
            roots.add(certificate).unwrap();
            let target = Target::trusting(&format!("https://{host}:{}/jwks", server.port), roots).unwrap();
            find(&RemoteKeys::new(target.into(), HOUR, Vec::new()), "a", Instant::now()).await
        };
        let stranger = generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert;
        assert_eq!(find("localhost", cert.der().clone()).await, Ok(()));
        assert_eq!(find("localhost", stranger.der().clone()).await, Err(AuthError::Unavailable));
        assert_eq!(find("127.0.0.1", cert.der().clone()).await, Err(AuthError::Unavailable));
    })
    .await;
}
