//! Publishing over the HTTP API.

use super::client::{self, Kind};
use super::compare::Workload;
use super::processes::Process;
use super::roles::Role;
use super::server;
use super::swarm::Swarm;
use byway::Stomp;
use byway::server::{
    ApiKeySettings, ApiSettings, Application, Connections, Health, KeyHash, Mounted, Permission, Site,
};
use poem::web::Json;
use poem::{IntoEndpoint, Route, handler, post};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::Arc;

const KEY: &str = "byway_the-key-of-the-benchmark";

/// A site with nothing but the API and an endpoint to publish on.
pub fn site() -> io::Result<impl IntoEndpoint<Endpoint: 'static>> {
    let application = Application::Stomp;
    let (byway, messenger) = application.byway(server::settings(), Stomp::new).map_err(io::Error::other)?;
    let (name, path) = ("main".to_owned(), "/main".to_owned());
    let endpoint = Mounted { name: name.clone(), path, feed_path: None, application, byway, messenger };
    let key = ApiKeySettings { name, hash: KeyHash::of(KEY), allow: vec![Permission::Publish] };
    let api = ApiSettings { keys: vec![key], ..ApiSettings::default() };
    let site = Site { endpoints: vec![endpoint], api, ..Site::default() };
    Ok(site.routes(&Health::default(), &Arc::<Connections>::default()))
}

/// Takes the same JSON and answers the same.
pub fn floor() -> io::Result<Route> {
    Ok(Route::new().at(TARGET, post(answer)))
}

#[handler]
fn answer(Json(messages): Json<Value>) -> Json<Value> {
    let count = messages.as_array().map_or(1, Vec::len);
    Json(json!({ "results": vec![json!({ "status": "published" }); count] }))
}

const TARGET: &str = "/site/api/publish";

/// Ends the list of results, and is nowhere else in an answer.
const END: u8 = b']';

/// Requests that publish, one after the other on each of some connections.
pub struct Publish {
    server: Process,
    swarm: Swarm,
    request: Vec<u8>,
    /// How many messages one request publishes.
    batch: usize,
}

const CONNECTIONS: usize = 16;

/// Requests on each connection in one step.
const REQUESTS_PER_STEP: usize = 16;

impl Publish {
    pub fn byway(batch: usize) -> io::Result<Self> {
        Self::to(Role::Byway, batch)
    }

    /// poem, and nothing behind it.
    pub fn floor(like: &Self) -> io::Result<Self> {
        Self::to(Role::Json, like.batch)
    }

    fn to(role: Role, batch: usize) -> io::Result<Self> {
        let server = Process::start(role)?;
        let mut swarm = Swarm::open(CONNECTIONS, |n| client::open(server.port, "", Kind::Bare, n))?;
        swarm.mark = END;
        Ok(Self { server, swarm, request: request(batch), batch })
    }
}

fn request(batch: usize) -> Vec<u8> {
    let message = json!({ "destination": "/topic/0", "body": client::payload(server::PAYLOAD) });
    let body = if batch == 1 { message.to_string() } else { Value::from(vec![message; batch]).to_string() };
    let head = format!("POST {TARGET} HTTP/1.1\r\n{}\r\nAuthorization: Bearer {KEY}\r\n", client::HOST);
    format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl Workload for Publish {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        let Self { swarm, request, batch, .. } = self;
        let mut left = [REQUESTS_PER_STEP; CONNECTIONS];
        for connection in &mut swarm.connections {
            connection.write_all(request)?;
        }
        swarm.read(|connection, at, answers, _| {
            left[at] -= answers;
            if left[at] > 0 && answers > 0 {
                connection.write_all(request)?;
            }
            Ok(left.iter().any(|left| *left > 0))
        })?;
        Ok(CONNECTIONS * REQUESTS_PER_STEP * *batch)
    }
}
