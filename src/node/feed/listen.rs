//! A feed's place among those who hear its destinations, and what it has missed there.

use super::form::FeedForm;
use super::open::Beginning;
use super::position::{Position, Positions};
use super::reader::{Late, Past};
use crate::broker::{DirectoryFull, Gap};
use crate::messaging::Client;
use crate::model::{Destination, DestinationPattern, Transport};
use crate::node::broker::{self, Attendance, Followed, Form, Listening, Place};
use crate::node::cell::Cell;
use crate::node::stomp::Shared;
use crate::protocol::feed::Format;
use std::collections::VecDeque;
use std::sync::Arc;

/// What one destination of a feed is, once it may be listened to.
pub(super) enum Source {
    Topic(Destination),
    Topics(DestinationPattern),
    /// What is sent to the caller, as the caller calls it.
    Own(Destination),
    /// Who is present.
    Presence(Place),
}

/// A session that is open and listens to one destination after the other.
pub(super) struct Opened<'a> {
    pub(super) shared: &'a Shared,
    pub(super) cell: Arc<Cell>,
    pub(super) client: &'a Client,
    pub(super) format: Format,
    /// Whether the feed has one destination, and its records need no composing.
    pub(super) alone: bool,
    pub(super) listening: Vec<Listening>,
    pub(super) attending: Vec<Attendance>,
    pub(super) positions: Vec<Position>,
    pub(super) late: VecDeque<Late>,
}

impl<'a> Opened<'a> {
    /// One that listens to nothing yet, and will to so many.
    pub(super) fn new(shared: &'a Shared, cell: &Arc<Cell>, client: &'a Client, destinations: usize) -> Self {
        let transport = client.transport();
        Self {
            shared,
            cell: Arc::clone(cell),
            client,
            format: if transport == Transport::FeedEvents { Format::Events } else { Format::Lines },
            alone: destinations == 1 && transport != Transport::FeedPoll,
            listening: Vec::new(),
            attending: Vec::new(),
            positions: Vec::new(),
            late: VecDeque::new(),
        }
    }

    /// Listens to each from where the reader has come to there, or else from where it wants to begin.
    pub(super) fn listen_to(
        &mut self,
        sources: Vec<Source>,
        since: Option<&Positions>,
        beginning: &Beginning,
    ) -> Result<(), DirectoryFull> {
        sources.into_iter().enumerate().try_for_each(|(slot, source)| {
            let position = since.and_then(|since| since.0.get(slot).copied());
            self.listen(slot, source, past(position, beginning), position)
        })
    }

    fn listen(
        &mut self,
        slot: usize,
        source: Source,
        past: Option<broker::Past>,
        since: Option<Position>,
    ) -> Result<(), DirectoryFull> {
        let (destination, live) = match source {
            Source::Topic(topic) => return self.follow(slot, &topic, past, since),
            Source::Presence(place) => return self.watch(slot, &place),
            Source::Topics(pattern) => {
                let destination = pattern.as_str().to_owned();
                (destination, vec![self.shared.broker.listen(pattern, &self.cell, self.form(slot, false))?])
            }
            Source::Own(own) => {
                let form = self.form(slot, false);
                let inboxes = self.shared.inboxes(self.client, &own);
                let open = inboxes.map(|inbox| self.shared.broker.open(inbox, &self.cell, form.clone()));
                (own.as_str().to_owned(), open.collect())
            }
        };
        self.listening.extend(live);
        let position = Position::Live(0);
        self.positions.push(since.unwrap_or(position));
        if since.is_some() {
            self.late.push_back(Late { slot, position, what: Past::Gap(destination, None) });
        }
        Ok(())
    }

    fn follow(
        &mut self,
        slot: usize,
        topic: &Destination,
        past: Option<broker::Past>,
        since: Option<Position>,
    ) -> Result<(), DirectoryFull> {
        let pattern = topic.clone().into();
        let form = |resumable| self.form(slot, resumable);
        let (listening, followed) = self.shared.broker.follow(past, topic, &self.cell, form)?;
        let Followed { position, gap, publications } = followed;
        let begins = position.map_or(Position::Live(0), Position::Kept);
        self.listening.push(listening);
        self.positions.push(since.unwrap_or(begins));
        if let Some(gap) = gap {
            let what = Past::Gap(topic.as_str().to_owned(), missed(gap));
            self.late.push_back(Late { slot, position: begins, what });
        }
        let kept =
            |(offset, publication)| Late { slot, position: Position::Kept(offset), what: Past::Kept(publication) };
        self.late.extend(publications.into_iter().map(kept));
        self.attending.extend(self.shared.attend(self.client, &pattern));
        Ok(())
    }

    /// Whoever comes back is told who is there now, and has missed nothing.
    fn watch(&mut self, slot: usize, place: &Place) -> Result<(), DirectoryFull> {
        let (position, form) = (Position::Live(0), self.form(slot, false));
        let late = &mut self.late;
        let tell = |here| late.push_back(Late { slot, position, what: Past::Kept(Arc::new(here)) });
        self.listening.push(self.shared.broker.watch(place, &self.cell, form, tell)?);
        self.positions.push(position);
        Ok(())
    }

    fn form(&self, slot: usize, resumable: bool) -> Form {
        let is_poll = self.client.transport() == Transport::FeedPoll;
        Form::Feed(FeedForm { format: self.format, slot, alone: self.alone, is_poll, resumable })
    }
}

fn past(since: Option<Position>, beginning: &Beginning) -> Option<broker::Past> {
    match (since, beginning) {
        (Some(position), _) => Some(position.past()),
        (None, Beginning::Last(count)) => Some(broker::Past::Last(*count)),
        (None, _) => None,
    }
}

fn missed(gap: Gap) -> Option<u64> {
    match gap {
        Gap::Missed(count) => Some(count),
        Gap::Unknown => None,
    }
}
