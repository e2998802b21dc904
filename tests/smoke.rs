//! The shortest way through everything: a poll is greeted and echoed to.

mod support;

use byway::{Handler, Message, SessionHandle, Settings};
use support::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Echo;

impl Handler for Echo {
    async fn message(&self, session: &SessionHandle, message: Message) {
        session.send(message).ok();
    }
}

async fn post(server: &TestServer, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let length = body.len();
    let request =
        format!("POST /e/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_poll_is_greeted_and_gets_what_was_sent() {
    let server = TestServer::start(Settings::default(), Echo).await;
    assert!(post(&server, "000/session/xhr", "").await.ends_with("\r\n\r\no\n"));
    assert!(post(&server, "000/session/xhr_send", "[\"hi\"]").await.starts_with("HTTP/1.1 204 "));
    assert!(post(&server, "000/session/xhr", "").await.ends_with("\r\n\r\na[\"hi\"]\n"));
}
