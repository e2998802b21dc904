//! Who is where on a site, live, for its administrators: the activity tracker that generated applications come with, without
//! its weak points.
//!
//! `cargo run --example tracker`; sign in as ada, who is an administrator, in one tab, and as bob in another. The page is in
//! `examples/tracker`.
//!
//! | destination | is | for |
//! |---|---|---|
//! | SEND `/app/activity` | to have come to a page | whoever is signed in |
//! | SUBSCRIBE `/app/tracker` | where everybody is now | administrators |
//! | SUBSCRIBE `/topic/tracker` | each change of it | administrators |
//! | SUBSCRIBE `/topic/**` | news of other kinds | whoever is signed in |

mod support;

use byway::messaging::{Client, Event, Json, MessageError, Messages, Messenger, PublishError, Result, State};
use byway::policy::{ActionSetting, RuleSettings, Rules, Who};
use byway::{Byway, Principal, Settings, SettingsError, Stomp};
use parking_lot::Mutex;
use poem::http::StatusCode;
use poem::middleware::SizeLimit;
use poem::web::{self, Data};
use poem::{EndpointExt, post};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use support::SignIn;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sign_in = SignIn::new()?;
    let tracker = Tracker::default();
    let messages = Messages::new()
        .with(tracker.clone())
        .on_send("/activity", activity)
        .on_subscribe("/tracker", snapshot)
        .on_event(move |event, to| forget(tracker.clone(), event, to));
    let stomp = Stomp::new().auth(&sign_in.auth)?.authorizer(rules()?).messages(messages);
    let (byway, _) = Byway::stomp(Settings::default(), stomp)?;
    let door = post(login).with(SizeLimit::new(1024)).data(Arc::new(sign_in));
    let pages = support::pages(include_str!("tracker/index.html"), include_str!("tracker/page.js"));
    support::serve(byway, pages.at("/login", door)).await
}

/// The second rule is what keeps `/topic/*` from hearing the tracker: a pattern is refused where it reaches what is.
fn rules() -> Result<Rules, SettingsError> {
    use ActionSetting::{Any, Send, Subscribe};
    let admin = || Who::claim("roles", "admin");
    Rules::new(&[
        RuleSettings::allow(admin(), Subscribe, "/topic/tracker"),
        RuleSettings::deny(Who::ANYONE, Any, "/topic/tracker"),
        RuleSettings::allow(Who::AUTHENTICATED, Subscribe, "/topic/**"),
        RuleSettings::allow(admin(), Subscribe, "/app/tracker"),
        RuleSettings::allow(Who::AUTHENTICATED, Send, "/app/activity"),
    ])
}

/// Where every session is: one entry for each that has said so.
#[derive(Clone, Default)]
struct Tracker(Arc<Mutex<Places>>);

#[derive(Default)]
struct Places {
    /// How many changes there were.
    version: u64,
    sessions: BTreeMap<String, Activity>,
}

/// A row of the table.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    session: String,
    user: String,
    ip_address: String,
    page: String,
    /// Milliseconds since 1970.
    time: u64,
}

/// What administrators hear. The version says whether a snapshot has it already.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Change {
    Here { version: u64, activity: Activity },
    Gone { version: u64, session: String },
}

#[derive(Serialize)]
struct Snapshot {
    version: u64,
    activities: Vec<Activity>,
}

impl Tracker {
    /// Published under the lock, so that changes arrive in the order of their versions. Publishing waits for nobody.
    fn here(&self, activity: Activity, to: &Messenger) -> Result<(), PublishError> {
        let mut places = self.0.lock();
        places.version += 1;
        places.sessions.insert(activity.session.clone(), activity.clone());
        to.send("/topic/tracker", &Change::Here { version: places.version, activity })
    }

    fn gone(&self, session: String, to: &Messenger) -> Result<(), PublishError> {
        let mut places = self.0.lock();
        if places.sessions.remove(&session).is_none() {
            return Ok(());
        }
        places.version += 1;
        to.send("/topic/tracker", &Change::Gone { version: places.version, session })
    }

    fn snapshot(&self) -> Snapshot {
        let places = self.0.lock();
        Snapshot { version: places.version, activities: places.sessions.values().cloned().collect() }
    }
}

#[derive(Deserialize)]
struct Visit {
    page: String,
}

/// What a client says is where it is. Who it is and whence it comes is known here, and what it sends goes to nobody as it is.
async fn activity(
    Json(Visit { page }): Json<Visit>,
    user: Principal,
    client: Client,
    State(tracker): State<Tracker>,
    to: Messenger,
) -> Result {
    if page.len() > 200 {
        return Err(MessageError::bad_request("a page's path has at most 200 bytes"));
    }
    let (session, ip_address) = (client.id().to_string(), client.remote_addr().to_string());
    let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?;
    let activity = Activity { session, user: user.name().to_owned(), ip_address, page, time };
    Ok(tracker.here(activity, &to)?)
}

/// An administrator who comes late sees what those see who were there all the time.
async fn snapshot(State(tracker): State<Tracker>) -> Json<Snapshot> {
    Json(tracker.snapshot())
}

/// However a session ends, it ends here too.
async fn forget(tracker: Tracker, event: Event, to: Messenger) {
    if let Event::Disconnected { client, .. } = event {
        // Should too much wait to be told, the next snapshot is right all the same.
        let _ = tracker.gone(client.id().to_string(), &to);
    }
}

/// The users of the demonstration. They have no passwords: a real application asks whoever knows its users.
const USERS: [(&str, &[&str]); 3] = [("ada", &["admin", "user"]), ("bob", &["user"]), ("eve", &["user"])];

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize)]
struct Welcome {
    name: &'static str,
    roles: &'static [&'static str],
    token: String,
}

#[poem::handler]
fn login(
    web::Json(visitor): web::Json<Visitor>,
    Data(sign_in): Data<&Arc<SignIn>>,
) -> poem::Result<web::Json<Welcome>> {
    let (name, roles) = *USERS.iter().find(|(name, _)| *name == visitor.name).ok_or(StatusCode::UNAUTHORIZED)?;
    let token = sign_in.token(name, roles).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(web::Json(Welcome { name, roles, token }))
}
