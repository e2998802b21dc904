//! Who is where, against a list of who is subscribed.

use crate::{at, destination, pattern};
use byway::broker::{Change, Newcomer, Presence, PresenceFull, PresenceSettings, Present, Who};
use byway::model::Claims;
use byway::{Destination, SessionId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const GRACE: u64 = 50;
const MAX_MEMBERS: usize = 3;

fn settings(max_members: usize) -> PresenceSettings {
    PresenceSettings { grace: Duration::from_millis(GRACE), max_members, ..PresenceSettings::new(pattern("/topic/*")) }
}

fn newcomer(who: &Who, session: u64) -> Newcomer {
    let (since, claims) = (Duration::ZERO, Claims::new());
    Newcomer { who: who.clone(), session: SessionId(session), since, claims }
}

fn user(name: &str) -> Who {
    Who::User(name.to_owned().into())
}

/// What a watcher knows, who is told of each change.
#[derive(Debug, Default, Clone, PartialEq)]
struct Known(Vec<Who>);

impl Known {
    fn hear(&mut self, change: Change) {
        match change {
            Change::Join { member, .. } => {
                assert!(!self.0.contains(&member.who), "{member:?} joins twice");
                self.0.push(member.who);
            }
            Change::Leave { member, .. } => {
                let at = self.0.iter().position(|who| *who == member.who);
                self.0.remove(at.unwrap_or_else(|| panic!("{member:?} leaves who is not there")));
            }
        }
    }

    fn of(present: Present) -> Self {
        Self(present.members.into_iter().map(|member| member.who).collect())
    }
}

/// Everybody in one destination, in the order in which they came.
#[derive(Default)]
struct Model(Vec<Somebody>);

struct Somebody {
    who: Who,
    /// Subscriptions by session.
    sessions: BTreeMap<u64, usize>,
    leaves: Option<u64>,
}

impl Model {
    fn join(&mut self, who: &Who, session: u64) {
        let at = self.0.iter().position(|one| one.who == *who).unwrap_or_else(|| {
            self.0.push(Somebody { who: who.clone(), sessions: BTreeMap::new(), leaves: None });
            self.0.len() - 1
        });
        *self.0[at].sessions.entry(session).or_default() += 1;
        self.0[at].leaves = None;
    }

    fn leave(&mut self, who: &Who, session: u64, now: u64) {
        let Some(at) = self.0.iter().position(|one| one.who == *who) else { return };
        let Some(subscriptions) = self.0[at].sessions.get_mut(&session) else { return };
        *subscriptions -= 1;
        self.0[at].sessions.retain(|_, subscriptions| *subscriptions > 0);
        if self.0[at].sessions.is_empty() {
            match at < MAX_MEMBERS {
                true => self.0[at].leaves = Some(now + GRACE),
                false => drop(self.0.remove(at)),
            }
        }
    }

    fn expire(&mut self, now: u64) {
        self.0.retain(|one| one.leaves.is_none_or(|leaves| leaves > now));
    }

    fn told(&self) -> Known {
        Known(self.0.iter().take(MAX_MEMBERS).map(|one| one.who.clone()).collect())
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Whose session, of their two, and to which of two destinations.
    Join(usize, u64, usize),
    Leave(usize, u64, usize),
    Pause(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0usize..6, 0u64..2, 0usize..2).prop_map(|(who, session, to)| Step::Join(who, session, to)),
        (0usize..6, 0u64..2, 0usize..2).prop_map(|(who, session, to)| Step::Leave(who, session, to)),
        (0u64..40).prop_map(Step::Pause),
    ]
}

/// Half of them have names.
fn somebody(number: usize, session: u64) -> (Who, u64) {
    let session = number as u64 * 10 + session;
    match number % 2 {
        0 => (user(&format!("user {number}")), session),
        _ => (Who::Session(SessionId(session)), session),
    }
}

struct World {
    presence: Presence,
    models: [Model; 2],
    known: [Known; 2],
}

fn places() -> [Destination; 2] {
    ["/topic/a", "/topic/b"].map(destination)
}

impl World {
    fn new() -> Self {
        Self { presence: Presence::new(10, 100), models: Default::default(), known: Default::default() }
    }

    fn take(&mut self, step: Step, now: &mut u64) {
        match step {
            Step::Pause(pause) => *now += pause,
            Step::Join(who, session, to) => {
                let (who, session) = somebody(who, session);
                let joined = self.presence.join(&places()[to], &settings(MAX_MEMBERS), newcomer(&who, session));
                joined.unwrap().into_iter().for_each(|change| self.known[to].hear(change));
                self.models[to].join(&who, session);
            }
            Step::Leave(who, session, to) => {
                let (who, session) = somebody(who, session);
                let changes = self.presence.leave(&places()[to], &who, SessionId(session), at(*now));
                changes.into_iter().for_each(|change| self.known[to].hear(change));
                self.models[to].leave(&who, session, *now);
            }
        }
    }

    fn expire(&mut self, now: u64) {
        while let Some(due) = self.presence.due(at(now)).cloned() {
            let to = places().iter().position(|place| *place == due).unwrap();
            let changes = self.presence.handle_timeout(&due, at(now));
            assert!(!changes.is_empty(), "what is due has something to tell");
            changes.into_iter().for_each(|change| self.known[to].hear(change));
        }
        self.models.iter_mut().for_each(|model| model.expire(now));
    }

    fn check(&self) {
        for (to, place) in places().iter().enumerate() {
            let present = self.presence.present(place, 0, usize::MAX);
            assert_eq!(present.count, self.models[to].0.len());
            assert_eq!(present.told, present.members.len());
            for (member, one) in present.members.iter().zip(&self.models[to].0) {
                assert_eq!(member.sessions, one.sessions.len());
            }
            let state = Known::of(present);
            assert_eq!(state, self.models[to].told(), "those who came first are told of");
            assert_eq!(self.known[to], state, "a state and its changes say the same");
        }
        let leaves = self.models.iter().flat_map(|model| &model.0).filter_map(|one| one.leaves).min();
        assert_eq!(self.presence.poll_timeout(), leaves.map(at));
        assert_eq!(self.presence.len(), self.models.iter().map(|model| model.0.len()).sum::<usize>());
    }
}

proptest! {
    #[test]
    fn watchers_know_the_first_who_came_and_have_not_been_away_for_the_grace(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let (mut world, mut now) = (World::new(), 0);
        for step in steps {
            world.take(step, &mut now);
            world.expire(now);
            world.check();
        }
        let end = now + GRACE;
        for (to, place) in places().into_iter().enumerate() {
            for somebody in std::mem::take(&mut world.models[to].0) {
                for (session, subscriptions) in somebody.sessions {
                    for _ in 0..subscriptions {
                        world.presence.leave(&place, &somebody.who, SessionId(session), at(now));
                    }
                }
            }
        }
        while let Some(due) = world.presence.due(at(end)).cloned() {
            world.presence.handle_timeout(&due, at(end));
        }
        prop_assert!(world.presence.is_empty() && world.presence.poll_timeout().is_none(), "nothing is left");
    }
}

#[test]
fn nobody_hears_of_one_who_comes_back_in_time_and_everybody_of_one_who_does_not() {
    let mut presence = Presence::new(1, 1);
    let (place, settings, ada) = (destination("/topic/a"), settings(9), user("ada"));
    let join = |presence: &mut Presence| presence.join(&place, &settings, newcomer(&ada, 1)).unwrap();
    assert!(matches!(join(&mut presence), Some(Change::Join { count: 1, .. })));
    for round in 0..10 {
        assert_eq!(presence.leave(&place, &ada, SessionId(1), at(round * GRACE)), []);
        assert_eq!(presence.due(at(round * GRACE + GRACE - 1)), None);
        assert_eq!(join(&mut presence), None);
    }
    presence.leave(&place, &ada, SessionId(1), at(1000));
    assert_eq!(presence.due(at(1000 + GRACE)), Some(&place));
    let changes = presence.handle_timeout(&place, at(1000 + GRACE));
    assert!(matches!(&changes[..], [Change::Leave { member, count: 0 }] if member.who == ada), "{changes:?}");
}

#[test]
fn without_grace_whoever_goes_has_left() {
    let mut presence = Presence::new(1, 1);
    let (place, ada) = (destination("/topic/a"), user("ada"));
    let settings = PresenceSettings { grace: Duration::ZERO, ..settings(9) };
    presence.join(&place, &settings, newcomer(&ada, 1)).unwrap();
    let changes = presence.leave(&place, &ada, SessionId(1), at(0));
    assert!(matches!(&changes[..], [Change::Leave { count: 0, .. }]), "{changes:?}");
    assert!(presence.is_empty() && presence.poll_timeout().is_none());
}

#[test]
fn limits_hold_at_their_edge() {
    let (mut presence, settings) = (Presence::new(2, 3), settings(9));
    let mut join = |place: &str, name: &str| presence.join(&destination(place), &settings, newcomer(&user(name), 1));
    assert!(join("/topic/a", "ada").is_ok() && join("/topic/b", "ada").is_ok());
    assert_eq!(join("/topic/c", "ada"), Err(PresenceFull), "a third destination");
    assert!(join("/topic/a", "bob").is_ok());
    assert_eq!(join("/topic/a", "eve"), Err(PresenceFull), "a fourth member");
    assert_eq!(join("/topic/a", "ada"), Ok(None), "who is there already");
    assert_eq!(presence.len(), 3);
}

#[test]
fn those_who_are_told_of_are_bounded_in_bytes_and_the_next_moves_up() {
    let mut presence = Presence::new(9, 9);
    let (place, settings) = (destination("/topic/a"), PresenceSettings { max_bytes: 1024, ..settings(9) });
    let long = |letter: &str| user(&letter.repeat(300));
    let mut join = |who: &Who| presence.join(&place, &settings, newcomer(who, 1));
    assert!(matches!(join(&long("a")), Ok(Some(Change::Join { .. }))));
    assert!(matches!(join(&long("b")), Ok(Some(Change::Join { .. }))));
    assert_eq!(join(&long("c")), Ok(None), "it waits in line");
    assert_eq!(join(&user("d")), Ok(None), "it waits behind");
    assert_eq!(join(&user(&"e".repeat(1024))), Err(PresenceFull), "it could never be told of");
    let present = presence.present(&place, 0, usize::MAX);
    assert_eq!((present.count, present.told), (4, 2));
    presence.leave(&place, &long("a"), SessionId(1), at(0));
    let changes = presence.handle_timeout(&place, at(GRACE));
    let told: Vec<_> = changes.iter().map(|change| matches!(change, Change::Join { .. })).collect();
    assert_eq!(told, [false, true, true], "one leaves, and the two in line join");
}

#[test]
fn a_page_begins_behind_a_member_and_has_at_most_so_many() {
    let (mut presence, place) = (Presence::new(9, 9), destination("/topic/a"));
    for name in ["a", "b", "c", "d"] {
        presence.join(&place, &settings(3), newcomer(&user(name), 1)).unwrap();
    }
    let first = presence.present(&place, 0, 2);
    assert_eq!(Known::of(first.clone()).0, [user("a"), user("b")]);
    let rest = presence.present(&place, first.members[1].number, 2);
    assert_eq!((rest.count, Known::of(rest).0), (4, vec![user("c")]));
    assert_eq!(presence.present(&place, u64::MAX, 2).members, []);
    assert_eq!(presence.present(&destination("/topic/b"), 0, 2), Present::default());
}
