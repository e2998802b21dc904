//! What is kept of a topic, page by page.

use crate::broker::{Gap, Offset};
use crate::model::{Destination, Publication};
use std::sync::Arc;

/// What of a topic's past is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The topic.
    pub destination: Destination,
    /// Behind which publication; without one, the last ones are meant.
    pub since: Option<Offset>,
    /// How many at most.
    pub limit: usize,
}

/// Some of a topic's past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The publications, and where each is; the oldest first.
    pub publications: Vec<(Offset, Arc<Publication>)>,
    /// What is gone for good in front of them, of what came behind [`since`](HistoryQuery::since).
    pub gap: Option<Gap>,
    /// Where the last of them is: what came later is behind it. `None` where nothing was published yet.
    pub offset: Option<Offset>,
    /// Whether there is more behind that already.
    pub more: bool,
}
