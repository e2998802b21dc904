//! Named groups of sessions.

use super::cell::Cell;
use super::hub::{Audience, Hub, Plain, PublishError, Seat};
use crate::model::Message;
use crate::session::Outgoing;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use tokio::runtime::Handle;

/// The named groups of one endpoint.
pub(super) struct Groups {
    hub: Arc<Hub<Plain>>,
    named: Mutex<HashMap<Arc<str>, Weak<Named>>>,
}

/// A named group of sessions of one endpoint. A group is there as long as it has members or somebody holds it.
#[derive(Clone)]
pub struct Group(Arc<Named>);

struct Named {
    name: Arc<str>,
    audience: Audience<Plain>,
    groups: Weak<Groups>,
}

/// A session's membership; it ends when dropped.
pub(super) struct Membership {
    pub(super) group: Group,
    _seat: Seat<Plain>,
}

impl Groups {
    pub(super) fn new(hub: Arc<Hub<Plain>>) -> Arc<Self> {
        Arc::new(Self { hub, named: Mutex::default() })
    }

    /// Publications are carried where the sessions run.
    pub(super) fn run_on(&self, runtime: &Handle) {
        self.hub.run_on(runtime);
    }

    pub(super) fn group(self: &Arc<Self>, name: &str) -> Group {
        let mut named = self.named.lock();
        if let Some(group) = named.get(name).and_then(Weak::upgrade) {
            return Group(group);
        }
        let group = Named { name: name.into(), audience: self.hub.audience(), groups: Arc::downgrade(self) };
        let group = Arc::new(group);
        named.insert(Arc::clone(&group.name), Arc::downgrade(&group));
        Group(group)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let Some(groups) = self.groups.upgrade() else { return };
        let mut named = groups.named.lock();
        // Somebody may have made a new group of this name since the last holder of this one let go.
        if named.get(&self.name).is_some_and(|group| group.strong_count() == 0) {
            named.remove(&self.name);
        }
    }
}

impl Group {
    /// The group's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How many sessions are members.
    pub fn len(&self) -> usize {
        self.0.audience.len()
    }

    /// True when nobody would get a message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message to every member, encoded once for each form that their transports need. Never waits.
    ///
    /// All members get the group's messages in the same order. A member whose queue is full is dealt with as its
    /// settings say, and holds nobody else up. Where messages are published faster than they can be queued for the
    /// members, so that `limits.publish_messages` or `limits.publish_bytes` wait, this one is refused and reaches nobody.
    pub fn publish(&self, message: impl Into<Message>) -> Result<(), PublishError> {
        self.0.audience.publish(Outgoing::new(message.into()))
    }

    pub(super) fn join(&self, cell: &Arc<Cell>) -> Membership {
        Membership { group: self.clone(), _seat: self.0.audience.join(cell, (), 0) }
    }
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Group {}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(&self.0.name).finish()
    }
}
