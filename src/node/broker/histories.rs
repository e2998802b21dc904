//! What is kept of topics for those who come late.

use super::kept::Kept;
use super::listing::{Names, texts};
use crate::broker::{Account, BrokerSettings, Gap, History, Offset, Purged, Shares};
use crate::messaging::{HistoryPage, HistoryQuery, HistoryState};
use crate::model::{Destination, Message, Publication};
use crate::node::now;
use crate::session::Room;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

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

impl Histories {
    pub(super) fn new(settings: Arc<BrokerSettings>, shares: Arc<Shares>) -> Self {
        // Offsets of an earlier run of the process must not be taken for this one's.
        let epoch = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros() as u64);
        let kept = Mutex::new(Kept::new(&settings, shares, epoch));
        Self { settings, kept }
    }

    /// Keeps a publication, if its topic has a history; it is marked with its place there then.
    pub(super) fn record(&self, publication: Publication, account: &Arc<Account>) -> Publication {
        let Some(settings) = self.settings.history(&publication.destination) else { return publication };
        let at = self.kept.lock().record(&publication, account, settings, now());
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
    pub(super) fn follow(&self, destination: &Destination, past: Option<Past>, account: &Arc<Account>) -> Followed {
        let Some(settings) = self.settings.history(destination) else { return Followed::nothing(past) };
        let mut kept = self.kept.lock();
        let begun = kept.begin(destination, account, settings, now());
        begun.map_or_else(|| Followed::nothing(past), |_| kept.follow(destination, past))
    }

    /// Throws away what is kept of a topic. Its offsets go on, so that who comes back is told how much it has missed.
    pub(super) fn purge(&self, destination: &Destination) -> Option<Purged> {
        self.kept.lock().change(destination, |history| {
            let purged = Purged { messages: history.len(), bytes: history.bytes() };
            history.forget_all();
            purged
        })
    }

    /// What is kept of a topic; `None` where its history has not begun.
    pub(super) fn state(&self, destination: &Destination) -> Option<HistoryState> {
        self.kept.lock().change(destination, |history| {
            history.handle_timeout(now());
            let offset = Offset { epoch: history.epoch(), offset: history.offset() };
            HistoryState { messages: history.len(), bytes: history.bytes(), offset }
        })
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

    /// What a subscriber gets next of what it asks for, oldest first, as much as there is room for, with an empty message in
    /// the place of what is not there any more; and whether nothing is left. `past` is what it still asks for behind it.
    pub(super) fn next(&self, destination: &Destination, past: &mut Past, room: Room) -> (Vec<Publication>, bool) {
        let next = self.kept.lock().change(destination, |history| past.next(history, room));
        let Next { gap: missed, publications, left } = next.unwrap_or_else(|| Next::nothing(*past));
        let marked = publications
            .into_iter()
            .map(|(at, publication)| Arc::unwrap_or_clone(publication).with_header(OFFSET, at.to_string()));
        (missed.map(|missed| gap(destination, missed)).into_iter().chain(marked).collect(), left == 0)
    }
}

/// The next few publications of the past.
struct Next {
    gap: Option<Gap>,
    publications: Vec<(Offset, Arc<Publication>)>,
    /// How many more are there.
    left: usize,
}

impl Next {
    /// Where there is no history (any more).
    fn nothing(past: Past) -> Self {
        let Followed { gap, publications, .. } = Followed::nothing(Some(past));
        Self { gap, publications, left: 0 }
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

    /// The next few of it. What is behind them is asked for from now on.
    fn next(&mut self, history: &mut History, mut room: Room) -> Next {
        let (epoch, newest) = (history.epoch(), history.offset());
        let after = match *self {
            Self::Since(after) => after,
            Self::Last(n) => Offset { epoch, offset: history.before_last(n, now()) },
        };
        let (gap, kept) = history.read_since(after.epoch, after.offset, now());
        let mut kept = kept.peekable();
        let mut publications = Vec::new();
        while let Some((offset, publication)) = kept.next_if(|(_, publication)| room.take(publication.size())) {
            publications.push((Offset { epoch, offset }, Arc::clone(publication)));
        }
        let left = kept.len();
        *self = Self::Since(Offset { epoch, offset: newest - left as u64 });
        Next { gap, publications, left }
    }
}

impl Kept {
    /// What is there of the past. Looking at it forgets what is too old.
    fn follow(&mut self, destination: &Destination, past: Option<Past>) -> Followed {
        self.change(destination, |history| Followed::of(history, past)).unwrap_or_else(|| Followed::nothing(past))
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
    use super::super::kept::TIDIED_AT_ONCE;
    use super::*;
    use crate::broker::HistorySettings;
    use std::time::Duration;

    #[test]
    fn what_is_too_old_is_forgotten_in_time_though_nobody_publishes_or_looks_and_its_place_is_not() {
        let minute = Duration::from_secs(60);
        let history = HistorySettings { max_age: minute, ..HistorySettings::new("/topic/**".parse().unwrap()) };
        let settings = Arc::new(BrokerSettings { history: vec![history], ..BrokerSettings::default() });
        let shares = Shares::new(&settings);
        let histories = Histories::new(settings, Arc::clone(&shares));
        let topics = 2 * TIDIED_AT_ONCE + 1;
        for topic in 0..topics {
            let destination = Destination::parse(format!("/topic/{topic}")).unwrap();
            histories.record(Publication::new(destination, Message::text("x")), &shares.application());
        }
        let kept = || {
            let kept = histories.kept.lock();
            (kept.topics.values().map(|topic| topic.history.len()).sum::<usize>(), kept.bytes == 0)
        };
        histories.tidy(now());
        assert_eq!(kept(), (topics, false));
        histories.tidy(now() + minute);
        assert_eq!(kept(), (0, true));
        assert!(histories.kept.lock().topics.values().all(|topic| topic.history.offset() == 1));
    }
}
