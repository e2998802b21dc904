use crate::model::{SettingsError, duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many tickets there may be, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketSettings {
    /// Whether clients need a ticket where there are no keys for tokens, and nobody without one may come in. Default false:
    /// then everybody may.
    pub required: bool,
    /// How many may be remembered at a time: those that can be used, and those whose readers may come back. Default
    /// 100,000: about 500 bytes each, and its claims, which have at most 2 KiB. One more is refused.
    pub max_tickets: usize,
    /// For how long a ticket may be good at the most. Default 5 min.
    #[serde(with = "duration")]
    pub max_time: Duration,
    /// For how long, after the session that it opened has ended, the reader of a feed may come back with the ticket that it
    /// came with. Default 1 min; with 0 s nobody may.
    #[serde(with = "duration")]
    pub reconnect_time: Duration,
}

impl Default for TicketSettings {
    fn default() -> Self {
        let (max_time, reconnect_time) = (Duration::from_secs(5 * 60), Duration::from_secs(60));
        Self { required: false, max_tickets: 100_000, max_time, reconnect_time }
    }
}

/// A ticket in a URL gets into logs and histories: nobody should mean to let it be good for days there.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl TicketSettings {
    /// Refuses what cannot be right.
    pub fn validate(&self) -> Result<(), SettingsError> {
        if self.max_tickets == 0 {
            return Err(SettingsError::new("auth.tickets.max_tickets", "expected at least 1"));
        }
        if self.max_time < Duration::from_secs(1) || self.max_time > LONGEST {
            return Err(SettingsError::new("auth.tickets.max_time", "expected 1s to 1day"));
        }
        match self.reconnect_time > LONGEST {
            true => Err(SettingsError::new("auth.tickets.reconnect_time", "expected at most 1day")),
            false => Ok(()),
        }
    }
}
