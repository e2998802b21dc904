//! What is kept of a topic for those who come late.

use super::HistorySettings;
use crate::model::Publication;
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

/// The last publications of one topic, bounded in number, bytes and age.
///
/// Each has an offset: 1 for the first, and one more for each that follows. Offsets are those of an epoch, a number that
/// is given to the history when it is made and that no other history of the topic may have: so a position from before
/// a restart is not taken for one of today.
#[derive(Debug)]
pub struct History {
    epoch: u64,
    /// The offset of the newest publication, kept or not.
    offset: u64,
    /// What is kept: the newest, without a gap, the oldest first.
    entries: VecDeque<Entry>,
    bytes: usize,
    cost: usize,
    settings: HistorySettings,
}

#[derive(Debug)]
struct Entry {
    publication: Arc<Publication>,
    size: usize,
    cost: usize,
    pushed: Instant,
}

/// What a publication takes beside its bytes, and each of its headers.
const OF_PUBLICATION: usize = 200;
const OF_HEADER: usize = 64;

/// A place in a history: behind the publication of this number. As text it is what the header `offset` of messages says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Which history.
    pub epoch: u64,
    /// The number; 0 is before the first.
    pub offset: u64,
}

impl Offset {
    /// A place in no history.
    pub const NOWHERE: Self = Self { epoch: 0, offset: 0 };
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

/// What a late subscriber gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The publications with their offsets, the oldest first.
    pub publications: Vec<(u64, Arc<Publication>)>,
    /// What is missing in front of them, if something is.
    pub gap: Option<Gap>,
}

/// What a subscriber has missed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// So many publications, which are not kept any more.
    Missed(u64),
    /// Nobody knows: its position is none of this history, which has begun anew since.
    Unknown,
}

impl History {
    /// A history without publications.
    pub fn new(epoch: u64, settings: HistorySettings) -> Self {
        Self { epoch, offset: 0, entries: VecDeque::new(), bytes: 0, cost: 0, settings }
    }

    /// Which history this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The offset of the newest publication; 0 where there was none.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of publications are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes of memory they take: their own, and 200 for each and 64 for each of its headers.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// The same of one publication.
    pub fn cost_of(publication: &Publication) -> usize {
        publication.size() + OF_PUBLICATION + OF_HEADER * publication.headers.len()
    }

    /// How many publications are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True where nothing is kept. What is forgotten then and made anew needs another epoch.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps a publication, forgets those that are too many then, and answers its offset.
    pub fn push(&mut self, publication: Arc<Publication>, now: Instant) -> u64 {
        let (size, cost) = (publication.size(), Self::cost_of(&publication));
        self.offset += 1;
        self.bytes += size;
        self.cost += cost;
        self.entries.push_back(Entry { publication, size, cost, pushed: now });
        while self.entries.len() > self.settings.messages || self.bytes > self.settings.bytes {
            self.forget_oldest();
        }
        self.handle_timeout(now);
        self.offset
    }

    /// What came after the publication at `offset` in `epoch`, which is the last that the subscriber has. Offset 0 is
    /// before the first. A position that is none of this history gets all that is kept, and an unknown gap.
    pub fn since(&mut self, epoch: u64, offset: u64, now: Instant) -> Replay {
        let (gap, publications) = self.read_since(epoch, offset, now);
        Replay { publications: owned(publications), gap }
    }

    /// The same, to be read one by one for as long as there is room for them: what is missing in front, and the publications.
    pub fn read_since(
        &mut self,
        epoch: u64,
        offset: u64,
        now: Instant,
    ) -> (Option<Gap>, impl ExactSizeIterator<Item = (u64, &Arc<Publication>)>) {
        self.handle_timeout(now);
        if epoch != self.epoch || offset > self.offset {
            return (Some(Gap::Unknown), self.newest(self.entries.len()));
        }
        let wanted = self.offset - offset;
        let missed = wanted.saturating_sub(self.entries.len() as u64);
        let gap = (missed > 0).then_some(Gap::Missed(missed));
        (gap, self.newest((wanted - missed) as usize))
    }

    /// The newest `n` publications, or as many as are kept, with their offsets, the oldest first.
    pub fn last(&mut self, n: usize, now: Instant) -> Vec<(u64, Arc<Publication>)> {
        self.handle_timeout(now);
        owned(self.newest(n.min(self.entries.len())))
    }

    /// The offset before the first of [these](Self::last).
    pub fn before_last(&mut self, n: usize, now: Instant) -> u64 {
        self.handle_timeout(now);
        self.offset - n.min(self.entries.len()) as u64
    }

    /// Forgets what is too old.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.poll_timeout().is_some_and(|due| due <= now) {
            self.forget_oldest();
        }
        if self.entries.len() < self.entries.capacity() / 4 {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Forgets all that is kept. Offsets go on, so whoever comes back learns how much it has missed.
    pub fn forget_all(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = 0;
        self.cost = 0;
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, if nothing happens until then.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.pushed + self.settings.max_age)
    }

    /// The newest `n`, of which there are so many.
    fn newest(&self, n: usize) -> impl ExactSizeIterator<Item = (u64, &Arc<Publication>)> {
        let first = self.offset - n as u64 + 1;
        let kept = self.entries.range(self.entries.len() - n..).enumerate();
        kept.map(move |(place, entry)| (first + place as u64, &entry.publication))
    }

    fn forget_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.size;
            self.cost -= entry.cost;
        }
    }
}

fn owned<'a>(publications: impl Iterator<Item = (u64, &'a Arc<Publication>)>) -> Vec<(u64, Arc<Publication>)> {
    publications.map(|(offset, publication)| (offset, Arc::clone(publication))).collect()
}
