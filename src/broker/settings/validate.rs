//! Settings that cannot be right.

use super::{
    BrokerSettings, HistorySettings, Kind, PresenceSettings, QueueSettings, ShareSettings, SlowConsumerPolicy,
    SlowConsumerSettings,
};
use crate::model::{Destination, DestinationPattern, SettingsError};
use std::fmt;
use std::time::Duration;

type Checked = Result<(), SettingsError>;

/// Longer than anything that is waited for, and short enough to be added to any clock.
const MAX_DURATION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Room for a member with an ordinary name: where there is none for anybody, presence tells nothing.
const MIN_PRESENCE_BYTES: usize = 1024;

impl BrokerSettings {
    /// Refuses what cannot be right.
    pub fn validate(&self) -> Checked {
        positive("broker.directory.max_patterns", self.directory.max_patterns)?;
        positive("broker.max_queues", self.max_queues)?;
        positive("broker.max_queue_bytes", self.max_queue_bytes)?;
        self.shares.validate()?;
        self.queue.validate()?;
        for entry in &self.queues {
            entry.settings.validate().map_err(|error| within("broker.queues", &entry.pattern, &error))?;
        }
        for entry in &self.history {
            entry.validate().map_err(|error| within("broker.history", &entry.pattern, &error))?;
        }
        for entry in &self.presence {
            entry.validate().map_err(|error| within("broker.presence", &entry.pattern, &error))?;
        }
        for entry in &self.slow_consumers {
            entry.validate().map_err(|error| within("broker.slow_consumers", &entry.pattern, &error))?;
        }
        self.check_order()?;
        self.check_dead_letters()
    }

    /// An entry behind one that fits all that it fits would be read by nobody.
    fn check_order(&self) -> Checked {
        let below =
            |earlier: &Destination, prefix: &Destination| earlier == prefix || prefix.is_below(earlier.as_str());
        reached("broker.kinds", self.kinds.iter().map(|entry| &entry.prefix), below)?;
        let covers = DestinationPattern::covers;
        reached("broker.queues", self.queues.iter().map(|entry| &entry.pattern), covers)?;
        reached("broker.history", self.history.iter().map(|entry| &entry.pattern), covers)?;
        reached("broker.presence", self.presence.iter().map(|entry| &entry.pattern), covers)?;
        reached("broker.slow_consumers", self.slow_consumers.iter().map(|entry| &entry.pattern), covers)
    }

    /// A letter for nowhere would be lost without a word.
    fn check_dead_letters(&self) -> Checked {
        if !self.kinds.iter().any(|entry| entry.kind == Kind::Queue) {
            return Ok(());
        }
        match self.dead_letters().find(|target| self.kind_of(target).is_none()) {
            Some(target) => {
                let problem = format!("\"{target}\" is below none of the prefixes in broker.kinds");
                Err(SettingsError::new("broker.queue.dead_letter", problem))
            }
            None => Ok(()),
        }
    }
}

impl QueueSettings {
    fn validate(&self) -> Checked {
        positive("broker.queue.max_messages", self.max_messages)?;
        positive("broker.queue.max_bytes", self.max_bytes)?;
        positive("broker.queue.max_consumers", self.max_consumers)?;
        positive("broker.queue.prefetch", self.prefetch)?;
        positive("broker.queue.max_deliveries", self.max_deliveries as usize)?;
        ensure(self.prefetch <= self.max_prefetch, "broker.queue.prefetch", "expected at most max_prefetch")?;
        ensure(self.redelivery_delay <= MAX_DURATION, "broker.queue.redelivery_delay", "expected at most 30 days")?;
        let unused = [
            ("broker.queue.unused_time", self.unused_time),
            ("broker.queue.unused_time_anonymous", self.unused_time_anonymous),
        ];
        let lasts = |(key, time)| ensure(time <= MAX_DURATION, key, "expected at most 30 days, or 0s for ever");
        unused.into_iter().try_for_each(lasts)?;
        self.max_age.map_or(Ok(()), |max_age| duration("broker.queue.max_age", max_age))
    }
}

impl ShareSettings {
    fn validate(&self) -> Checked {
        let shares = [
            ("broker.shares.address", self.address),
            ("broker.shares.user", self.user),
            ("broker.shares.anonymous", self.anonymous),
        ];
        let percent = |(key, share)| ensure((1..=100).contains(&share), key, "expected 1 to 100, in percent");
        shares.into_iter().try_for_each(percent)?;
        ensure(self.address <= self.anonymous, "broker.shares.address", "expected at most shares.anonymous")
    }
}

impl HistorySettings {
    fn validate(&self) -> Checked {
        positive("broker.history.messages", self.messages)?;
        positive("broker.history.bytes", self.bytes)?;
        duration("broker.history.max_age", self.max_age)
    }
}

impl PresenceSettings {
    fn validate(&self) -> Checked {
        positive("broker.presence.max_members", self.max_members)?;
        ensure(self.max_bytes >= MIN_PRESENCE_BYTES, "broker.presence.max_bytes", "expected at least 1024")?;
        ensure(self.grace <= MAX_DURATION, "broker.presence.grace", "expected at most 30 days")
    }
}

impl SlowConsumerSettings {
    fn validate(&self) -> Checked {
        let read = self.key.is_none() || self.policy == SlowConsumerPolicy::KeepNewest;
        ensure(read, "broker.slow_consumers.key", "expected only beside policy = \"keep_newest\"")
    }
}

/// An error in one entry of a list, whose pattern says which.
fn within(list: &'static str, pattern: &DestinationPattern, error: &SettingsError) -> SettingsError {
    let setting = error.key.rsplit('.').next().unwrap_or_default();
    SettingsError::new(list, format!("{setting} of \"{pattern}\": {}", error.problem))
}

fn reached<'a, T: fmt::Display + 'a>(
    list: &'static str,
    entries: impl Iterator<Item = &'a T> + Clone,
    covers: impl Fn(&T, &T) -> bool,
) -> Checked {
    for (at, entry) in entries.clone().enumerate() {
        if let Some(earlier) = entries.clone().take(at).find(|earlier| covers(earlier, entry)) {
            let problem = format!("\"{entry}\" is never reached behind \"{earlier}\"; the first that fits decides");
            return Err(SettingsError::new(list, problem));
        }
    }
    Ok(())
}

fn positive(key: &'static str, value: usize) -> Checked {
    ensure(value > 0, key, "0 would let nothing through; expected at least 1")
}

fn duration(key: &'static str, value: Duration) -> Checked {
    ensure(!value.is_zero() && value <= MAX_DURATION, key, "expected more than 0s and at most 30 days")
}

fn ensure(holds: bool, key: &'static str, problem: &str) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(SettingsError::new(key, problem)),
    }
}
