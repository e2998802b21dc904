use crate::model::DestinationPattern;
use std::fmt;
use std::sync::Arc;

/// Whether anybody listens to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// Somebody does, and before nobody did.
    Occupied,
    /// Nobody does any longer.
    Empty,
}

/// Those who want to know; cheap to clone.
#[derive(Clone, Default)]
pub struct OccupancyListeners(Arc<[Listener]>);

pub(super) type Listener = Box<dyn Fn(&DestinationPattern, Occupancy) + Send + Sync>;

impl OccupancyListeners {
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        Self(listeners.into())
    }

    /// Tells them, one after the other.
    pub fn tell(&self, destination: &DestinationPattern, occupancy: Occupancy) {
        self.0.iter().for_each(|listen| listen(destination, occupancy));
    }
}

impl fmt::Debug for OccupancyListeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OccupancyListeners").field(&self.0.len()).finish()
    }
}
