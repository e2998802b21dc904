//! What becomes of a publication: who listens where, work queues, what is kept for those who come late.
//!
//! Every part is a state machine without IO, clock, locks or chance: what happens is told to it, with the time where time
//! matters, and what there is to do is asked of it. [`Directory`] finds the listeners of a destination, [`WorkQueue`] is
//! one queue with its consumers, [`History`] is the recent past of one topic, [`Presence`] is who is where,
//! [`Account`] is what one client holds of all that, and [`BrokerSettings`] says which destination is what.

mod directory;
mod history;
mod presence;
mod queue;
mod settings;
mod shares;

pub use directory::{Directory, DirectoryFull};
pub use history::{Gap, History, Offset, Replay};
pub use presence::{Change, Member, Newcomer, Presence, PresenceFull, Present, Who};
pub use queue::{
    ConsumerId, DeadLetter, DeadLetterReason, Delivery, Purged, QueueFull, Settlement, SubscribeError, UnknownTag,
    WorkQueue,
};
pub use settings::{
    BrokerSettings, ConflationKey, DirectorySettings, HistorySettings, Kind, KindSettings, OnFull, PatternError,
    PresenceSettings, QueueOverride, QueueSettings, SlowConsumerPolicy, SlowConsumerSettings,
};
pub use shares::{Account, Charge, Holding, NoShare, Rank, ShareSettings, Shares, message_cost, share};
