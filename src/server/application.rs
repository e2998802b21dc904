//! The applications that the binary has built in.

use super::chat::Chat;
use super::echo::Echo;
use crate::messaging::Messenger;
use crate::model::SettingsError;
use crate::node::{Byway, Settings, Stomp};
use crate::policy::RateSettings;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the binary can run on an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Application {
    /// One room for everybody; the demo page speaks to it.
    Chat,
    /// Sends every message back.
    Echo,
    /// STOMP with the embedded broker: topics, queues, users' own destinations.
    Stomp,
}

impl Application {
    /// An endpoint that runs this application, and the way to publish on it if it has destinations.
    pub fn byway(
        self,
        settings: Settings,
        stomp: impl FnOnce() -> Stomp,
    ) -> Result<(Byway, Option<Messenger>), SettingsError> {
        self.byway_with_rates(settings, &RateSettings::default(), stomp)
    }

    /// The same, with other limits on what clients may send; `stomp` has its own.
    pub fn byway_with_rates(
        self,
        settings: Settings,
        rates: &RateSettings,
        stomp: impl FnOnce() -> Stomp,
    ) -> Result<(Byway, Option<Messenger>), SettingsError> {
        match self {
            Self::Chat => Byway::with_rates(settings, rates, Chat::default()).map(|byway| (byway, None)),
            Self::Echo => Byway::with_rates(settings, rates, Echo).map(|byway| (byway, None)),
            Self::Stomp => Byway::stomp(settings, stomp()).map(|(byway, messenger)| (byway, Some(messenger))),
        }
    }

    /// Whether it asks who its clients are, and what they may do.
    pub fn asks_policies(self) -> bool {
        match self {
            Self::Chat | Self::Echo => false,
            Self::Stomp => true,
        }
    }

    /// The name that settings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Echo => "echo",
            Self::Stomp => "stomp",
        }
    }
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
