//! What is kept of topics for those who come late.

use crate::broker::{BrokerSettings, Gap, History};
use crate::model::{Destination, Message, Publication};
use crate::node::now;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

/// The header that says where in its topic's history a message is. A client that shows the last one it has seen in the
/// header [`SINCE`] of its next SUBSCRIBE gets what came behind it.
pub(super) const OFFSET: &str = "offset";

/// The header of SUBSCRIBE that asks for what came after an [`OFFSET`].
pub(in crate::node) const SINCE: &str = "since";

/// The header of SUBSCRIBE that asks for so many of the last messages.
pub(in crate::node) const HISTORY: &str = "history";

/// The header of an empty message in the place of what is not there any more: how many those are, or `unknown`.
const GAP: &str = "gap";

/// What of the past a subscriber asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Past {
    /// The last so many.
    Last(usize),
    /// What came behind this one.
    Since(Offset),
}

/// A place in a history. Histories that begin anew have another epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct Offset {
    epoch: u64,
    offset: u64,
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.offset)
    }
}

impl FromStr for Offset {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, offset) = text.split_once('-').ok_or(())?;
        Ok(Self { epoch: u64::from_str_radix(epoch, 16).map_err(|_| ())?, offset: offset.parse().map_err(|_| ())? })
    }
}

pub(super) struct Histories {
    settings: Arc<BrokerSettings>,
    kept: Mutex<Kept>,
}

struct Kept {
    topics: HashMap<Destination, History>,
    bytes: usize,
    next_epoch: u64,
}

impl Histories {
    pub(super) fn new(settings: Arc<BrokerSettings>) -> Self {
        // Offsets of an earlier run of the process must not be taken for this one's.
        let epoch = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros() as u64);
        Self { settings, kept: Mutex::new(Kept { topics: HashMap::new(), bytes: 0, next_epoch: epoch }) }
    }

    /// Keeps a publication, if its topic has a history; it is marked with its place there then.
    pub(super) fn record(&self, publication: Publication) -> Publication {
        let Some(settings) = self.settings.history(&publication.destination) else { return publication };
        let mut kept = self.kept.lock();
        let Kept { topics, bytes, next_epoch } = &mut *kept;
        if topics.len() >= self.settings.max_histories {
            topics.retain(|_, history| !history.is_empty());
        }
        if topics.len() >= self.settings.max_histories && !topics.contains_key(&publication.destination) {
            return publication;
        }
        let mut begin = || {
            *next_epoch += 1;
            History::new(*next_epoch, settings.clone())
        };
        let history = topics.entry(publication.destination.clone()).or_insert_with(&mut begin);
        if *bytes + publication.size() > self.settings.max_history_bytes {
            // Beginning anew tells everybody that something is missing.
            *bytes -= history.bytes();
            *history = begin();
        }
        let before = history.bytes();
        let offset = history.push(Arc::new(publication.clone()), now());
        *bytes = *bytes - before + history.bytes();
        publication.with_header(OFFSET, Offset { epoch: history.epoch(), offset }.to_string())
    }

    /// What a subscriber asks for, oldest first, with an empty message in the place of what is not there any more.
    pub(super) fn replay(&self, destination: &Destination, past: Past) -> Vec<Publication> {
        let mut kept = self.kept.lock();
        let Some(history) = kept.topics.get_mut(destination) else {
            // A client that has seen an offset has seen a history that is gone.
            let missed = matches!(past, Past::Since(_)).then(|| gap(destination, Gap::Unknown));
            return missed.into_iter().collect();
        };
        let before = history.bytes();
        let (publications, missed) = match past {
            Past::Last(n) => (history.last(n, now()), None),
            Past::Since(Offset { epoch, offset }) => {
                let replay = history.since(epoch, offset, now());
                (replay.publications, replay.gap)
            }
        };
        let (epoch, after) = (history.epoch(), history.bytes());
        kept.bytes -= before - after;
        let marked = publications.into_iter().map(|(offset, publication)| {
            Arc::unwrap_or_clone(publication).with_header(OFFSET, Offset { epoch, offset }.to_string())
        });
        missed.map(|missed| gap(destination, missed)).into_iter().chain(marked).collect()
    }
}

fn gap(destination: &Destination, gap: Gap) -> Publication {
    let missed = match gap {
        Gap::Missed(count) => count.to_string(),
        Gap::Unknown => "unknown".to_owned(),
    };
    Publication::new(destination.clone(), Message::text("")).with_header(GAP, missed)
}
