//! Ending all sessions without ending them all at once.

use super::byway::Node;
use super::cell::Cell;
use super::now;
use crate::model::Disconnect;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that were told.
    pub told: usize,
    /// Sessions that were still there at the deadline.
    pub left: usize,
}

/// How many sessions are told at a time.
const BATCH: usize = 100;

/// Refuses new sessions, tells every session [`GOING_AWAY`](Disconnect::GOING_AWAY) in batches spread over the first half
/// of `within`, and waits for them to go until it is over.
///
/// Clients that are told to come back do so: the spread and its jitter keep them from doing it in step.
pub(super) async fn drain(node: &Arc<Node>, within: Duration) -> Drained {
    let deadline = now() + within;
    node.draining.store(true, Ordering::Release);
    node.language.stop();
    let cells = node.registry.all();
    let told = cells.len();
    let pause = within / 2 / told.div_ceil(BATCH).max(1) as u32;
    for batch in cells.chunks(BATCH) {
        tell(batch);
        if told > BATCH {
            tokio::time::sleep(jittered(pause)).await;
        }
    }
    drop(cells);
    tokio::time::timeout_at(deadline.into(), node.wait_until_empty()).await.ok();
    Drained { told, left: node.registry.len() }
}

fn tell(batch: &[Arc<Cell>]) {
    for cell in batch {
        cell.close(Disconnect::GOING_AWAY);
    }
}

/// Between half of it and all of it.
fn jittered(pause: Duration) -> Duration {
    let fraction = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    pause.mul_f64(0.5 + fraction / 2.0)
}
