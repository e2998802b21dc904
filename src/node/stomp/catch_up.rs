//! A subscription that hears of the past first, as its client reads.

use super::shared::Shared;
use crate::node::broker::Late;
use crate::node::cell::{Cell, Supplier};
use crate::node::hub::Leaving;
use parking_lot::Mutex;
use std::sync::Arc;

/// How often in a row a client that takes everything at once gets as much as there is room for, before others have their turn.
const STEPS_PER_TURN: usize = 4;

/// A subscription with a past. The driver of its session hands out what there is room for, whenever what was handed out before
/// was written; when it has come to what is live, the hub goes on. It ends when it is dropped.
pub(super) struct CatchUp {
    shared: Arc<Shared>,
    cell: Arc<Cell>,
    /// `None` when the subscription was ended.
    late: Mutex<Option<Late>>,
}

impl CatchUp {
    pub(super) fn begin(shared: &Arc<Shared>, cell: &Arc<Cell>, late: Late) -> Arc<Self> {
        let this = Self { shared: Arc::clone(shared), cell: Arc::clone(cell), late: Mutex::new(Some(late)) };
        let this = Arc::new(this);
        Arc::clone(&this).supply();
        this
    }

    /// Ends the subscription. When what is answered is done, nothing comes of it any more.
    pub(super) fn end(&self) -> Option<Leaving> {
        self.late.lock().take().and_then(Late::end)
    }
}

impl Supplier for CatchUp {
    fn supply(self: Arc<Self>) {
        let this: Arc<dyn Supplier> = Arc::clone(&self) as _;
        let mut late = self.late.lock();
        let Some(late) = late.as_mut() else { return };
        for _ in 0..STEPS_PER_TURN {
            let is_all = self.shared.broker.tell_late(late, &self.cell);
            let is_written = self.cell.write_supplied();
            if is_all {
                return;
            }
            if !is_written {
                break;
            }
        }
        self.cell.call_when_written(&Arc::downgrade(&this));
    }
}
