//! What is kept of topics.

use super::problem::Refusal;
use crate::broker::{Gap, Offset};
use crate::messaging::{self, HistoryQuery, Messenger};
use crate::model;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use poem_openapi::{Enum, Object};
use std::collections::BTreeMap;

/// A publication, as the lines of feeds have it.
#[derive(Debug, Object)]
pub(super) struct Publication {
    /// Where it is in its topic's history.
    id: String,
    destination: String,
    headers: BTreeMap<String, String>,
    /// The body; if it is no text, in base64.
    body: String,
    #[oai(skip_serializing_if_is_none)]
    encoding: Option<Encoding>,
}

/// How a body was made text.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "BodyEncoding", rename_all = "snake_case")]
pub(super) enum Encoding {
    /// RFC 4648, section 4.
    Base64,
}

/// What is gone for good.
#[derive(Debug, Object)]
pub(super) struct Missed {
    /// How many publications; nothing where nobody knows.
    #[oai(skip_serializing_if_is_none)]
    missed: Option<u64>,
}

/// Some of what is kept of a topic.
#[derive(Debug, Object)]
pub(super) struct HistoryPage {
    /// The oldest first.
    publications: Vec<Publication>,
    /// What is gone for good between `since` and the first of these, if something is.
    #[oai(skip_serializing_if_is_none)]
    gap: Option<Missed>,
    /// What to ask for as `since` to get what came later; nothing where nothing was published yet.
    #[oai(skip_serializing_if_is_none)]
    offset: Option<String>,
    /// Whether there is more already.
    more: bool,
}

/// Checks what is asked for.
pub(super) fn query(destination: String, since: Option<String>, limit: u16) -> Result<HistoryQuery, Refusal> {
    let destination = model::Destination::parse(destination)
        .map_err(|error| Refusal::bad_request("invalid_destination", error.to_string()))?;
    let since: Option<Offset> = since.map(|text| text.parse()).transpose().map_err(|()| {
        Refusal::bad_request("invalid_request", "since is no offset; expected one that a message or an answer had")
    })?;
    Ok(HistoryQuery { destination, since, limit: limit.into() })
}

impl HistoryPage {
    pub(super) fn of(messenger: &Messenger, query: &HistoryQuery) -> Result<Self, Refusal> {
        let page = messenger.history(query);
        page.map(Self::from).ok_or_else(|| {
            let detail = format!("{} keeps no history; broker.history says which topics do", query.destination);
            Refusal::new(StatusCode::NOT_FOUND, "no_history", detail)
        })
    }
}

impl From<messaging::HistoryPage> for HistoryPage {
    fn from(page: messaging::HistoryPage) -> Self {
        let missed = |gap| match gap {
            Gap::Missed(missed) => Missed { missed: Some(missed) },
            Gap::Unknown => Missed { missed: None },
        };
        Self {
            publications: page.publications.iter().map(|(id, publication)| Publication::of(id, publication)).collect(),
            gap: page.gap.map(missed),
            offset: page.offset.map(|offset| offset.to_string()),
            more: page.more,
        }
    }
}

impl Publication {
    fn of(id: &Offset, publication: &model::Publication) -> Self {
        let (body, encoding) = match publication.body.as_str() {
            Some(text) => (text.to_owned(), None),
            None => (STANDARD.encode(publication.body.as_bytes()), Some(Encoding::Base64)),
        };
        let headers = publication.headers.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let destination = publication.destination.as_str().to_owned();
        Self { id: id.to_string(), destination, headers: headers.collect(), body, encoding }
    }
}
