use crate::api;
use crate::bench::bench_as;
use crate::client::{ask, connect, head, post, read_until, websocket};
use crate::process::{Byway, Folder, run};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version,
};
use tungstenite::Message;

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

fn folder(certified: &CertifiedKey<KeyPair>) -> Folder {
    let key = certified.signing_key.serialize_pem();
    Folder::new().with("chain.pem", &certified.cert.pem()).with("key.pem", &key)
}

const FLAGS: [&str; 4] = ["--tls-certificate", "chain.pem", "--tls-key", "key.pem"];

/// A client that trusts this certificate and nothing else.
fn client(
    certified: &CertifiedKey<KeyPair>,
    version: &'static SupportedProtocolVersion,
    address: &str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).expect("it is a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("the version is known")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = "localhost".try_into().expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("a client"), connect(address))
}

#[test]
fn https_and_wss_are_served_over_tls_1_2_and_1_3() {
    let certified = certificate();
    let byway = Byway::start_in(folder(&certified), &FLAGS);
    assert!(byway.table.contains(&format!("https://{}/", byway.address)), "{}", byway.table);
    for version in [&version::TLS12, &version::TLS13] {
        let mut stream = client(&certified, version, &byway.address);
        let health = ask(&mut stream, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(health.body, "{\"status\":\"ok\"}\n");
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));

        let mut socket = websocket(client(&certified, version, &byway.address), "/echo/websocket");
        socket.send(Message::text("secret")).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("secret"));
    }
}

#[test]
fn the_certificate_and_its_key_are_those_of_the_file() {
    let certified = certificate();
    let file = "server.listen = \"127.0.0.1:0\"\nserver.tls = { certificate = \"chain.pem\", key = \"key.pem\" }";
    let byway = Byway::of_file(folder(&certified), file);
    let mut stream = client(&certified, &version::TLS13, &byway.address);
    let health = ask(&mut stream, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(health.body, "{\"status\":\"ok\"}\n");
}

#[test]
fn a_stream_goes_on_over_tls_and_ends_when_its_client_closes() {
    let certified = certificate();
    let byway = Byway::start_in(folder(&certified), &FLAGS);
    let mut stream = client(&certified, &version::TLS13, &byway.address);
    stream.write_all(post("/echo/000/s/xhr_streaming", "").as_bytes()).unwrap();
    read_until(&mut stream, "\r\no\n\r\n");
    let mut sender = client(&certified, &version::TLS13, &byway.address);
    let mut send = |body| {
        sender.write_all(post("/echo/000/s/xhr_send", body).as_bytes()).unwrap();
        head(&mut sender)
    };
    assert!(send("[\"secret\"]").starts_with("HTTP/1.1 204 "));
    read_until(&mut stream, "a[\"secret\"]\n\r\n");

    stream.conn.send_close_notify();
    stream.flush().unwrap();
    // The session ends with its client, so that its id is free for the next one.
    while !send("[]").starts_with("HTTP/1.1 404 ") {}
}

#[test]
fn the_clients_speak_tls_with_who_has_a_trusted_certificate_and_with_nobody_else() {
    let certified = certificate();
    let (key, hash) = api::new_key();
    let setting = format!("[api]\nkeys = [{{ name = \"backend\", hash = \"{hash}\", allow = [\"publish\"] }}]");
    let byway = Byway::start_in(folder(&certified).with("byway.toml", &setting), &FLAGS);
    let trusted = Folder::new().with("trusted.pem", &certified.cert.pem());
    let file = trusted.0.join("trusted.pem").to_string_lossy().into_owned();
    let variables = [("SSL_CERT_FILE", file.as_str()), ("BYWAY_API_KEY", &key)];
    let api = byway.address.replace("127.0.0.1", "https://localhost");
    let stomp = format!("{api}/stomp");
    for more in [["--transport", "websocket"], ["--transport", "xhr"], ["--publish-url", &api]] {
        let (code, report) = bench_as(&stomp, &[&more[..], &["--subscribers", "2"]].concat(), &variables);
        assert_eq!((code, &report["messages"]["delivered"]), (0, &Value::from(100)), "{more:?}: {report}");
    }
    let publish = ["publish", "/topic/a", "text", "--url", &api];
    assert_eq!(run(&trusted, &publish, &variables), (0, String::new(), String::new()));

    let other = Folder::new().with("other.pem", &certificate().cert.pem());
    let file = other.0.join("other.pem").to_string_lossy().into_owned();
    let variables = [("SSL_CERT_FILE", file.as_str()), ("BYWAY_API_KEY", &key)];
    for arguments in [&publish[..], &["subscribe", "/topic/a", "--url", &stomp]] {
        let (code, _, err) = run(&other, arguments, &variables);
        assert!(code == 1 && err.contains("invalid peer certificate"), "{err}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused_by_its_file_s_name_and_without_its_content() {
    let (certified, other) = (certificate(), certificate().signing_key.serialize_pem());
    let folder = folder(&certified).with("other.pem", &other);
    let flags = ["check", "--tls-certificate", "chain.pem", "--tls-key", "other.pem"];
    let expected =
        "byway: server.tls.key = \"other.pem\": is not the key of the certificate in chain.pem (from --tls-key)\n";
    assert_eq!(run(&folder, &flags, &[]), (1, String::new(), expected.to_owned()));
}

#[test]
fn a_file_that_holds_something_else_is_refused_with_what_was_expected() {
    let certified = certificate();
    let folder = folder(&certified).with("empty.pem", "");
    let (_, _, err) = run(&folder, &["check", "--tls-certificate", "empty.pem", "--tls-key", "key.pem"], &[]);
    assert!(err.contains("\"empty.pem\": holds no such thing; expected a certificate in PEM"), "{err}");
    let (_, _, err) = run(&folder, &["check", "--tls-certificate", "chain.pem", "--tls-key", "chain.pem"], &[]);
    assert!(err.contains("\"chain.pem\": holds no such thing; expected a private key in PEM"), "{err}");
}
