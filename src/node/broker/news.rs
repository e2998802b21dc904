//! What those hear who watch who is present.

use crate::broker::{Change, Member, Present, Who};
use crate::model::{Claims, Destination, Message, Publication};
use crate::protocol::feed::PRESENCE;
use serde::Serialize;
use std::time::SystemTime;

/// Where somebody is present, and where that is told.
#[derive(Debug, Clone)]
pub(in crate::node) struct Place {
    pub(in crate::node) of: Destination,
    pub(in crate::node) at: Destination,
}

/// The body of what is told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum News<'a> {
    /// Who is there now, whatever was known before.
    Here {
        destination: &'a str,
        count: usize,
        /// Whether there are more than are told of.
        truncated: bool,
        members: Vec<Person<'a>>,
    },
    Join {
        destination: &'a str,
        count: usize,
        member: Person<'a>,
    },
    Leave {
        destination: &'a str,
        count: usize,
        member: Person<'a>,
    },
}

/// A member, without what is nobody's business: with how many sessions.
#[derive(Serialize)]
struct Person<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    since: String,
    #[serde(skip_serializing_if = "Claims::is_empty")]
    claims: &'a Claims,
}

/// Who is there.
pub(super) fn here(place: &Place, present: &Present) -> Publication {
    let Present { count, told, members } = present;
    let members = members.iter().map(Person::of).collect();
    let news = News::Here { destination: place.of.as_str(), count: *count, truncated: told < count, members };
    publication(place, "here", &news)
}

/// Who came or went.
pub(super) fn change(place: &Place, change: &Change) -> Publication {
    let destination = place.of.as_str();
    match change {
        Change::Join { member, count } => {
            publication(place, "join", &News::Join { destination, count: *count, member: Person::of(member) })
        }
        Change::Leave { member, count } => {
            publication(place, "leave", &News::Leave { destination, count: *count, member: Person::of(member) })
        }
    }
}

fn publication(place: &Place, kind: &'static str, news: &News<'_>) -> Publication {
    // Texts, numbers and claims, which were JSON before, always have a form in JSON.
    let body = serde_json::to_string(news).unwrap_or_default();
    Publication::new(place.at.clone(), Message::text(body))
        .with_header("content-type", "application/json")
        .with_header(PRESENCE, kind)
}

impl<'a> Person<'a> {
    fn of(member: &'a Member) -> Self {
        let (user, session) = match &member.who {
            Who::User(name) => (Some(&**name), None),
            Who::Session(session) => (None, Some(session.to_string())),
        };
        let since = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + member.since);
        Self { user, session, since: since.to_string(), claims: &member.claims }
    }
}
