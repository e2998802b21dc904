//! Notifications for a page that has nothing but the browser's own `EventSource`: cut it off, and nothing is missed.
//!
//! `cargo run --example notifications`, and open the address that it says in two tabs. The page is in `examples/notifications`.
//!
//! | request | is |
//! |---|---|
//! | GET `/stomp/feed/topic/notifications` | the feed; docs/feeds.md says how to come back to it |
//! | POST `/notify` | a notification for everybody: `{"kind": "news", "text": "..."}` |

mod support;

use byway::broker::{BrokerSettings, HistorySettings};
use byway::messaging::{Messages, Messenger};
use byway::policy::{ActionSetting, RuleSettings, Rules, Who};
use byway::{Byway, Destination, DestinationPattern, Publication, Settings, SettingsError, Stomp};
use poem::http::StatusCode;
use poem::middleware::SizeLimit;
use poem::web::{Data, Json};
use poem::{EndpointExt, post};
use serde::Deserialize;

const TOPIC: &str = "/topic/notifications";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stomp = Stomp::new().broker(broker()?).authorizer(rules()?).messages(Messages::new());
    let (byway, messenger) = Byway::stomp(Settings::default(), stomp)?;
    let publisher = post(notify).with(SizeLimit::new(4096)).data(messenger);
    let pages = support::pages(include_str!("notifications/index.html"), include_str!("notifications/page.js"));
    support::serve(byway, pages.at("/notify", publisher)).await
}

/// What readers come back to: the last 100 notifications of the last 5 minutes.
fn broker() -> Result<BrokerSettings, Box<dyn std::error::Error>> {
    let history = vec![HistorySettings::new(DestinationPattern::parse(TOPIC)?)];
    Ok(BrokerSettings { history, ..BrokerSettings::default() })
}

/// Everybody may listen. What is published comes through the server alone, which looks at it first.
fn rules() -> Result<Rules, SettingsError> {
    Rules::new(&[RuleSettings::allow(Who::ANYONE, ActionSetting::Subscribe, TOPIC)])
}

#[derive(Deserialize)]
struct Notification {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    News,
    Warning,
    Alarm,
}

impl Kind {
    /// What the page listens for.
    const fn event(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

/// Takes JSON only: no form on a page of another origin can send that.
#[poem::handler]
fn notify(
    Json(Notification { kind, text }): Json<Notification>,
    Data(messenger): Data<&Messenger>,
) -> poem::Result<StatusCode> {
    if text.trim().is_empty() || text.chars().count() > 500 {
        return Err(refusal(StatusCode::BAD_REQUEST, "A notification has 1 to 500 characters."));
    }
    let topic = Destination::parse(TOPIC).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let publication = Publication::new(topic, text).with_header("event", kind.event());
    let published = messenger.publish(publication);
    published.map_err(|_| refusal(StatusCode::SERVICE_UNAVAILABLE, "Too many notifications are on their way."))?;
    Ok(StatusCode::NO_CONTENT)
}

fn refusal(status: StatusCode, text: &'static str) -> poem::Error {
    poem::Error::from_string(text, status)
}
