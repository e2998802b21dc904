use super::stage::client;
use byway::messaging::{MessageError, TooManySessions, Users};
use byway::{DestinationPattern, SessionId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ONE: SessionId = SessionId(1);
const TWO: SessionId = SessionId(2);
const THREE: SessionId = SessionId(3);

fn pattern(text: &str) -> DestinationPattern {
    DestinationPattern::parse(text).unwrap()
}

fn connect(users: &Users, id: SessionId, name: &str) -> Result<(), TooManySessions> {
    users.connected(&client(id, Some(name)))
}

#[test]
fn a_user_is_there_while_a_session_of_it_is() {
    let users = Users::new(10);
    connect(&users, ONE, "ada").unwrap();
    connect(&users, TWO, "ada").unwrap();
    connect(&users, THREE, "bob").unwrap();
    assert_eq!((users.count(), users.sessions_of("ada")), (2, vec![ONE, TWO]));
    users.disconnected(ONE);
    users.disconnected(ONE);
    assert_eq!(users.get("ada").unwrap().sessions.iter().map(|session| session.id).collect::<Vec<_>>(), [TWO]);
    users.disconnected(TWO);
    assert_eq!((users.get("ada"), users.names().as_slice()), (None, &["bob".into()][..]));
    assert_eq!(users.all().len(), 1);
}

#[test]
fn a_session_that_is_not_signed_in_is_no_user() {
    let users = Users::new(10);
    users.connected(&client(ONE, None)).unwrap();
    users.subscribed(ONE, "a".into(), pattern("/topic/a"));
    assert_eq!((users.count(), users.find_subscriptions(&pattern("/**"))), (0, vec![]));
}

#[test]
fn a_user_has_at_most_so_many_sessions_and_a_refused_one_leaves_nothing() {
    let users = Users::new(2);
    connect(&users, ONE, "ada").unwrap();
    connect(&users, TWO, "ada").unwrap();
    connect(&users, TWO, "ada").unwrap();
    let refused = connect(&users, THREE, "ada").unwrap_err();
    assert_eq!(MessageError::from(refused).to_string(), "a user may have 2 sessions at a time");
    users.disconnected(THREE);
    assert_eq!(users.sessions_of("ada"), [ONE, TWO]);
    users.disconnected(ONE);
    connect(&users, THREE, "ada").unwrap();
}

#[test]
fn subscriptions_are_found_by_what_could_reach_them() {
    let users = Users::new(10);
    connect(&users, ONE, "ada").unwrap();
    connect(&users, TWO, "bob").unwrap();
    users.subscribed(ONE, "sub-0".into(), pattern("/topic/chat/*"));
    users.subscribed(ONE, "sub-1".into(), pattern("/user/queue/x"));
    users.subscribed(TWO, "sub-0".into(), pattern("/topic/chat/blue"));
    let found = |text| {
        let found = users.find_subscriptions(&pattern(text));
        found.into_iter().map(|one| format!("{} {} {}", one.user, one.session, one.id)).collect::<BTreeSet<_>>()
    };
    assert_eq!(found("/topic/chat/blue").len(), 2);
    assert_eq!(found("/topic/chat/red"), ["ada s1 sub-0".to_owned()].into());
    assert_eq!(found("/user/queue/*"), ["ada s1 sub-1".to_owned()].into());
    users.unsubscribed(ONE, "sub-0");
    users.disconnected(TWO);
    assert!(found("/topic/**").is_empty());
    assert_eq!(users.get("ada").unwrap().sessions[0].subscriptions, [("sub-1".into(), pattern("/user/queue/x"))]);
}

#[derive(Debug, Clone)]
enum Step {
    Connect(u64, usize),
    Disconnect(u64),
}

proptest! {
    #[test]
    fn the_registry_has_who_came_and_did_not_go(
        steps in proptest::collection::vec(
            prop_oneof![
                (0..6_u64, 0..3_usize).prop_map(|(id, name)| Step::Connect(id, name)),
                (0..6_u64).prop_map(Step::Disconnect),
            ],
            0..40,
        ),
    ) {
        const NAMES: [&str; 3] = ["ada", "bob", "cleo"];
        let users = Users::new(3);
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Connect(id, name) => {
                    let full = model.values().filter(|other| **other == NAMES[name]).count() >= 3;
                    let known = model.contains_key(&id);
                    prop_assert_eq!(connect(&users, SessionId(id), NAMES[name]).is_err(), full && !known);
                    if !full {
                        model.entry(id).or_insert(NAMES[name]);
                    }
                }
                Step::Disconnect(id) => {
                    users.disconnected(SessionId(id));
                    model.remove(&id);
                }
            }
        }
        for name in NAMES {
            let sessions: BTreeSet<_> = users.sessions_of(name).into_iter().collect();
            let expected = model.iter().filter(|(_, other)| **other == name).map(|(id, _)| SessionId(*id)).collect();
            prop_assert_eq!(sessions, expected);
        }
        prop_assert_eq!(users.count(), model.values().collect::<BTreeSet<_>>().len());
    }
}
