//! `byway publish`

use super::arguments::PublishArguments;
use bytes::Bytes;
use byway::http_client::Server;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;

/// Where the key is. A command line can be read by everybody on the machine.
const KEY: &str = "BYWAY_API_KEY";

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The largest answer in bytes that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Publishes; says nothing where that went well.
pub fn publish(arguments: &PublishArguments) -> Result<ExitCode, String> {
    let server = server(&arguments.url)?;
    let request = request(&server, arguments)?;
    let answer = exchange(&server, request).map_err(|error| format!("{}: {error}", arguments.url))?;
    match answer.status() {
        StatusCode::OK => Ok(ExitCode::SUCCESS),
        status => Err(complaint(status, answer.body())),
    }
}

fn exchange(server: &Server, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = async { tokio::time::timeout(PATIENCE, server.exchange(request, MAX_ANSWER)).await };
    runtime.block_on(answer).unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "took too long")))
}

/// What the server says is wrong, or what its status is.
fn complaint(status: StatusCode, body: &[u8]) -> String {
    match &*detail(body) {
        "" => format!("{status}: no API answers there"),
        detail => format!("{status}: {detail}"),
    }
}

/// What an answer of the API says is wrong; empty if it is somebody else's.
pub fn detail(answer: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(answer).unwrap_or_default();
    problem["detail"].as_str().unwrap_or_default().to_owned()
}

/// The key from the environment, as a server is shown it.
pub fn key() -> Result<HeaderValue, String> {
    let key = std::env::var(KEY).map_err(|_| format!("{KEY} is missing; expected a key of the server's api.keys"))?;
    let mut key = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| format!("{KEY}: expected a key"))?;
    key.set_sensitive(true);
    Ok(key)
}

fn request(server: &Server, arguments: &PublishArguments) -> Result<Request<Full<Bytes>>, String> {
    let query = arguments.endpoint.as_ref().map(|name| {
        let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        format!("?endpoint={name}")
    });
    let target = format!("{}/api/publish{}", server.path().trim_end_matches('/'), query.unwrap_or_default());
    let request = server.request(Method::POST, &target).header(AUTHORIZATION, key()?);
    let message = message(arguments)?.to_string();
    let request = request.header(CONTENT_TYPE, "application/json").body(message.into());
    request.map_err(|error| format!("--url: {error}"))
}

fn message(arguments: &PublishArguments) -> Result<Value, String> {
    let text = match arguments.body.as_deref() {
        Some("-") => io::read_to_string(io::stdin().lock().take(MAX_BODY)).map_err(|e| format!("stdin: {e}"))?,
        text => text.unwrap_or_default().to_owned(),
    };
    let mut message = json!({ "destination": arguments.destination, "body": text });
    if arguments.json {
        serde_json::from_str::<Value>(&text).map_err(|error| format!("the text is no JSON: {error}"))?;
        message["headers"] = json!({ "content-type": "application/json" });
    }
    if let Some(user) = &arguments.user {
        message["user"] = json!(user);
    }
    Ok(message)
}

/// More than any server takes unless it is told to.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// Where the API is: what stands before `/api`. A key goes over TLS, or does not leave the machine.
fn server(url: &str) -> Result<Server, String> {
    let server = Server::parse(url).map_err(|error| format!("--url: {error}"))?;
    match server.query() {
        None => Ok(server),
        Some(_) => Err("--url: expected one such as \"https://example.com\", without a query".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_tls_or_does_not_leave_the_machine() {
        for good in ["http://127.0.0.1:8080", "http://[::1]:1/", "http://localhost", "https://example.com/byway/"] {
            assert!(server(good).is_ok(), "{good}");
        }
        for bad in
            ["", "example.com", "http://example.com", "http://10.0.0.1", "http://localhost.example", "ftp://localhost"]
        {
            assert!(server(bad).is_err(), "{bad}");
        }
        for bad in ["https://a:b@example.com", "https://example.com/?key=x"] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }
}
