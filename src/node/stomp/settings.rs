//! What an endpoint that speaks STOMP is made of.

use crate::broker::BrokerSettings;
use crate::messaging::Messages;
use crate::model::SettingsError;
use crate::node::feed::FeedSettings;
use crate::node::settings::Settings;
use crate::policy::{
    Anonymous, AuthSettings, Authenticator, Authorizer, RateSettings, Rules, TicketSettings, TokenSettings,
};
use crate::protocol::stomp::StompSettings;
use std::fmt;
use std::sync::Arc;

/// What runs on an endpoint that speaks STOMP: the application's handlers, who may come in, who may do what, and settings.
///
/// Without an [`authenticator`](Self::authenticator) everybody may come in, without a name; without
/// [`rules`](Self::authorizer) whoever is in may subscribe and send to everything but other users' own destinations.
pub struct Stomp {
    pub(super) stomp: StompSettings,
    pub(super) broker: BrokerSettings,
    pub(super) failures_per_minute: u32,
    pub(super) tokens: TokenSettings,
    pub(super) tickets: TicketSettings,
    pub(super) rates: RateSettings,
    pub(super) messages: Messages,
    pub(super) feeds: FeedSettings,
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) authorizer: Arc<dyn Authorizer>,
}

impl Default for Stomp {
    fn default() -> Self {
        Self {
            stomp: StompSettings::default(),
            broker: BrokerSettings::default(),
            failures_per_minute: AuthSettings::default().failures_per_minute,
            tokens: TokenSettings::default(),
            tickets: TicketSettings::default(),
            rates: RateSettings::default(),
            messages: Messages::new(),
            feeds: FeedSettings::default(),
            authenticator: Arc::new(Anonymous),
            authorizer: Arc::new(Rules::default()),
        }
    }
}

impl Stomp {
    /// No handlers, everybody let in without a name, all settings at their defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Frames, heart-beats and what one connection may have.
    #[must_use]
    pub fn settings(self, stomp: StompSettings) -> Self {
        Self { stomp, ..self }
    }

    /// Topics and queues.
    #[must_use]
    pub fn broker(self, broker: BrokerSettings) -> Self {
        Self { broker, ..self }
    }

    /// Who may come in, with which tokens: keys are read, and weak ones refused.
    pub fn auth(self, auth: &AuthSettings) -> Result<Self, SettingsError> {
        Ok(Self { authenticator: auth.load()?, ..self }
            .tokens(auth.token.clone())
            .tickets(auth.tickets.clone())
            .failures_per_minute(auth.failures_per_minute))
    }

    /// Where tokens may be.
    #[must_use]
    pub fn tokens(self, tokens: TokenSettings) -> Self {
        Self { tokens, ..self }
    }

    /// How many tickets there may be, and for how long.
    #[must_use]
    pub fn tickets(self, tickets: TicketSettings) -> Self {
        Self { tickets, ..self }
    }

    /// How many clients of one address may fail to show who they are, at once and in a minute. Default 10.
    #[must_use]
    pub fn failures_per_minute(self, failures_per_minute: u32) -> Self {
        Self { failures_per_minute, ..self }
    }

    /// How much may be sent in a time.
    #[must_use]
    pub fn rates(self, rates: RateSettings) -> Self {
        Self { rates, ..self }
    }

    /// The application's handlers, interceptors and listeners.
    #[must_use]
    pub fn messages(self, messages: Messages) -> Self {
        Self { messages, ..self }
    }

    /// Feeds for those who only listen.
    #[must_use]
    pub fn feeds(self, feeds: FeedSettings) -> Self {
        Self { feeds, ..self }
    }

    /// Who decides who a client is, instead of [`auth`](Self::auth).
    #[must_use]
    pub fn authenticator(self, authenticator: impl Authenticator) -> Self {
        Self { authenticator: Arc::new(authenticator), ..self }
    }

    /// Who decides what a client may do.
    #[must_use]
    pub fn authorizer(self, authorizer: impl Authorizer) -> Self {
        Self { authorizer: Arc::new(authorizer), ..self }
    }

    /// Refuses what cannot be right.
    pub(super) fn validate(&self, settings: &Settings) -> Result<(), SettingsError> {
        self.broker.validate()?;
        self.stomp.validate()?;
        self.rates.validate()?;
        self.feeds.validate()?;
        self.tokens.validate()?;
        self.tickets.validate()?;
        let largest = self.stomp.max_head_bytes + self.stomp.max_body_bytes;
        match settings.limits.max_message_bytes >= largest {
            true => Ok(()),
            false => Err(SettingsError::new(
                "limits.max_message_bytes",
                format!("expected at least stomp.max_head_bytes and stomp.max_body_bytes together: {largest}"),
            )),
        }
    }
}

impl fmt::Debug for Stomp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stomp").finish_non_exhaustive()
    }
}
