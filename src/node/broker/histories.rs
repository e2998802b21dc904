//! What is kept of topics for those who come late.

use super::listing::{Names, texts};
use crate::broker::{BrokerSettings, Gap, History, HistorySettings, Offset};
use crate::messaging::{HistoryPage, HistoryQuery, HistoryState};
use crate::model::{Destination, Message, Publication};
use crate::node::now;
use bytestring::ByteString;
use indexmap::IndexMap;
use parking_lot::Mutex;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The header that says where in its topic's history a message is. A client that shows the last one it has seen in the
/// header [`SINCE`] of its next SUBSCRIBE gets what came behind it.
pub(in crate::node) const OFFSET: &str = "offset";

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

/// What of the past a feed gets.
pub(in crate::node) struct Followed {
    /// Where it is behind the gap and before the first of `publications`; `None` where the topic has no history.
    pub(in crate::node) position: Option<Offset>,
    /// What it has missed for good.
    pub(in crate::node) gap: Option<Gap>,
    /// The oldest first.
    pub(in crate::node) publications: Vec<(Offset, Arc<Publication>)>,
}

pub(super) struct Histories {
    settings: Arc<BrokerSettings>,
    kept: Mutex<Kept>,
}

struct Kept {
    topics: IndexMap<Destination, History>,
    bytes: usize,
    next_epoch: u64,
    /// When what is too old was last looked for in all of them.
    looked: Option<Instant>,
}

/// How often what is too old is looked for at a limit: it means to look at every topic.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// At how many topics is looked before publishers have their turn.
const TIDIED_AT_ONCE: usize = 100;

impl Histories {
    pub(super) fn new(settings: Arc<BrokerSettings>) -> Self {
        // Offsets of an earlier run of the process must not be taken for this one's.
        let epoch = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros() as u64);
        Self { settings, kept: Mutex::new(Kept { topics: IndexMap::new(), bytes: 0, next_epoch: epoch, looked: None }) }
    }

    /// Keeps a publication, if its topic has a history; it is marked with its place there then.
    pub(super) fn record(&self, publication: Publication) -> Publication {
        let Some(settings) = self.settings.history(&publication.destination) else { return publication };
        let at = self.kept.lock().record(&publication, settings, &self.settings, now());
        match at {
            Some(at) => publication.with_header(OFFSET, at.to_string()),
            None => publication,
        }
    }

    /// Forgets what is too old, also of topics that nobody publishes to or reads any more.
    pub(super) fn tidy(&self, now: Instant) {
        let mut next = 0;
        while let Some(end) = self.kept.lock().forget_old_from(next, now) {
            next = end;
        }
    }

    /// What a feed gets of the past. Its topic's history begins now if there was none, so that it has a position.
    pub(super) fn follow(&self, destination: &Destination, past: Option<Past>) -> Followed {
        let mut kept = self.kept.lock();
        let settings = self.settings.history(destination);
        let began =
            settings.is_some_and(|it| kept.begin(destination, it, self.settings.max_histories, now()).is_some());
        if began { kept.follow(destination, past) } else { Followed::nothing(past) }
    }

    /// What is kept of a topic; `None` where its history has not begun.
    pub(super) fn state(&self, destination: &Destination) -> Option<HistoryState> {
        let mut kept = self.kept.lock();
        let history = kept.topics.get_mut(destination)?;
        let before = history.bytes();
        history.handle_timeout(now());
        let (bytes, offset) = (history.bytes(), Offset { epoch: history.epoch(), offset: history.offset() });
        let state = HistoryState { messages: history.len(), bytes, offset };
        kept.bytes -= before - bytes;
        Some(state)
    }

    /// A page of what is kept of a topic; `None` where nothing is to be.
    pub(super) fn page(&self, query: &HistoryQuery) -> Option<HistoryPage> {
        self.settings.history(&query.destination)?;
        let past = query.since.map_or(Past::Last(query.limit), Past::Since);
        let Followed { position, gap, mut publications } = self.kept.lock().follow(&query.destination, Some(past));
        let more = publications.len() > query.limit;
        publications.truncate(query.limit);
        let offset = publications.last().map(|(offset, _)| *offset).or(position);
        Some(HistoryPage { publications, gap, offset, more })
    }

    /// What a subscriber asks for, oldest first, with an empty message in the place of what is not there any more.
    pub(super) fn replay(&self, destination: &Destination, past: Past) -> Vec<Publication> {
        let followed = self.kept.lock().follow(destination, Some(past));
        let marked = followed
            .publications
            .into_iter()
            .map(|(at, publication)| Arc::unwrap_or_clone(publication).with_header(OFFSET, at.to_string()));
        followed.gap.map(|missed| gap(destination, missed)).into_iter().chain(marked).collect()
    }
}

impl Followed {
    /// Where there is no history. A client that has seen an offset has seen one that is gone.
    fn nothing(past: Option<Past>) -> Self {
        let gap = matches!(past, Some(Past::Since(_))).then_some(Gap::Unknown);
        Self { position: None, gap, publications: Vec::new() }
    }

    fn of(history: &mut History, past: Option<Past>) -> Self {
        let (publications, gap) = past.map_or_else(Default::default, |past| past.of(history));
        let epoch = history.epoch();
        let at = |offset| Offset { epoch, offset };
        Self {
            position: Some(at(history.offset() - publications.len() as u64)),
            gap,
            publications: publications.into_iter().map(|(offset, publication)| (at(offset), publication)).collect(),
        }
    }
}

impl Names for Histories {
    fn places(&self) -> usize {
        self.kept.lock().topics.len()
    }

    fn names(&self, places: Range<usize>, is_wanted: &dyn Fn(&str) -> bool) -> Vec<ByteString> {
        texts(self.kept.lock().topics.keys(), places, is_wanted)
    }
}

impl Past {
    /// The publications, and what is missing in front of them.
    fn of(self, history: &mut History) -> (Vec<(u64, Arc<Publication>)>, Option<Gap>) {
        match self {
            Self::Last(n) => (history.last(n, now()), None),
            Self::Since(Offset { epoch, offset }) => {
                let replay = history.since(epoch, offset, now());
                (replay.publications, replay.gap)
            }
        }
    }
}

impl Kept {
    /// Where a publication is kept; nowhere, where there may be no more histories. Where there is no room for it, its history
    /// begins anew, so that everybody learns that something is missing; and where there is none even then, it begins behind it.
    fn record(
        &mut self,
        publication: &Publication,
        settings: &HistorySettings,
        limits: &BrokerSettings,
        now: Instant,
    ) -> Option<Offset> {
        let is_too_much = |bytes| bytes + publication.size() > limits.max_history_bytes;
        if is_too_much(self.bytes) {
            self.forget_old(now);
        }
        if is_too_much(self.bytes)
            && let Some(history) = self.topics.swap_remove(&publication.destination)
        {
            self.bytes -= history.bytes();
        }
        let is_kept = !is_too_much(self.bytes);
        let history = self.begin(&publication.destination, settings, limits.max_histories, now)?;
        let before = history.bytes();
        let offset = history.push(Arc::new(publication.clone()), now);
        if !is_kept {
            history.forget_all();
        }
        let (epoch, after) = (history.epoch(), history.bytes());
        self.bytes = self.bytes - before + after;
        Some(Offset { epoch, offset })
    }

    /// Forgets what is too old, of all topics. Otherwise those that nobody publishes to or reads would keep theirs.
    fn forget_old(&mut self, now: Instant) {
        if self.looked.is_some_and(|looked| now < looked + LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        self.forget_old_of(0..self.topics.len(), now);
    }

    /// The same for the next few topics from this place on. Answers where to go on.
    fn forget_old_from(&mut self, first: usize, now: Instant) -> Option<usize> {
        let end = self.topics.len().min(first + TIDIED_AT_ONCE);
        self.forget_old_of(first..end, now);
        (first < end).then_some(end)
    }

    fn forget_old_of(&mut self, places: Range<usize>, now: Instant) {
        let Some(histories) = self.topics.get_range_mut(places) else { return };
        for history in histories.values_mut() {
            let before = history.bytes();
            history.handle_timeout(now);
            self.bytes -= before - history.bytes();
        }
    }

    /// What is there of the past. Looking at it forgets what is too old.
    fn follow(&mut self, destination: &Destination, past: Option<Past>) -> Followed {
        let Some(history) = self.topics.get_mut(destination) else { return Followed::nothing(past) };
        let before = history.bytes();
        let followed = Followed::of(history, past);
        self.bytes -= before - history.bytes();
        followed
    }

    /// The history of a topic, begun now if there was none and there may be one more.
    fn begin(
        &mut self,
        destination: &Destination,
        settings: &HistorySettings,
        max: usize,
        now: Instant,
    ) -> Option<&mut History> {
        if self.topics.len() >= max && !self.topics.contains_key(destination) {
            self.forget_old(now);
            self.topics.retain(|_, history| !history.is_empty());
            if self.topics.len() >= max {
                return None;
            }
        }
        Some(self.topics.entry(destination.clone()).or_insert_with(|| {
            self.next_epoch += 1;
            History::new(self.next_epoch, settings.clone())
        }))
    }
}

fn gap(destination: &Destination, gap: Gap) -> Publication {
    let missed = match gap {
        Gap::Missed(count) => count.to_string(),
        Gap::Unknown => "unknown".to_owned(),
    };
    Publication::new(destination.clone(), Message::text("")).with_header(GAP, missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_makes_room_for_other_topics_though_nobody_looks_at_it() {
        let minute = Duration::from_secs(60);
        let settings = HistorySettings { max_age: minute, ..HistorySettings::new("/topic/**".parse().unwrap()) };
        let few = BrokerSettings { max_histories: 1, ..BrokerSettings::default() };
        let small = BrokerSettings { max_history_bytes: 150, ..BrokerSettings::default() };
        for limits in [few, small] {
            let mut kept = Kept { topics: IndexMap::new(), bytes: 0, next_epoch: 0, looked: None };
            let start = now();
            let mut publish = |topic: &str, at: Instant| {
                let destination = Destination::parse(topic.to_owned()).unwrap();
                let publication = Publication::new(destination.clone(), Message::text("x".repeat(100)));
                kept.record(&publication, &settings, &limits, at);
                kept.topics.get(&destination).map_or(0, History::len)
            };
            assert_eq!((publish("/topic/old", start), publish("/topic/new", start)), (1, 0));
            assert_eq!((publish("/topic/new", start + minute), publish("/topic/old", start + minute)), (1, 0));
        }
    }

    #[test]
    fn what_is_too_old_is_forgotten_in_time_though_nobody_publishes_or_looks_and_its_place_is_not() {
        let minute = Duration::from_secs(60);
        let history = HistorySettings { max_age: minute, ..HistorySettings::new("/topic/**".parse().unwrap()) };
        let histories =
            Histories::new(Arc::new(BrokerSettings { history: vec![history], ..BrokerSettings::default() }));
        let topics = 2 * TIDIED_AT_ONCE + 1;
        for topic in 0..topics {
            let destination = Destination::parse(format!("/topic/{topic}")).unwrap();
            histories.record(Publication::new(destination, Message::text("x")));
        }
        let kept = || {
            let kept = histories.kept.lock();
            (kept.topics.values().map(History::len).sum::<usize>(), kept.bytes == 0)
        };
        histories.tidy(now());
        assert_eq!(kept(), (topics, false));
        histories.tidy(now() + minute);
        assert_eq!(kept(), (0, true));
        assert!(histories.kept.lock().topics.values().all(|history| history.offset() == 1));
    }
}
