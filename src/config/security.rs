//! Who may come in, what they may do, and how much of it, for all endpoints whose application asks.

use super::{Config, Problem};
use crate::hooks::{EndpointHooks, Hooks};
use crate::messaging::Messages;
use crate::model::SettingsError;
use crate::node::Stomp;
use crate::policy::{AnonymousPolicy, Authenticator, RateSettings, Rules, TicketSettings, TokenSettings};
use std::fmt;
use std::sync::Arc;

/// Checked policies, ready for the endpoints.
#[derive(Clone)]
pub struct Security {
    /// Where tokens may be.
    pub tokens: TokenSettings,
    /// What tickets may be made.
    pub tickets: TicketSettings,
    /// Decides who a client is.
    pub authenticator: Arc<dyn Authenticator>,
    /// Decides what a client may do.
    pub rules: Arc<Rules>,
    /// How much a client may send; valid.
    pub rates: RateSettings,
    /// How often clients of one address may fail to show who they are.
    pub failures_per_minute: u32,
    /// Whether a client may come in whom nobody names.
    pub anonymous: AnonymousPolicy,
    /// The backend that is asked beside.
    pub hooks: Option<Arc<Hooks>>,
}

/// Keys are nobody's business.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security").field("rates", &self.rates).finish_non_exhaustive()
    }
}

impl Security {
    /// Puts these policies into an endpoint.
    fn protect(&self, stomp: Stomp, hooks: Option<&EndpointHooks>) -> Stomp {
        let (authenticator, rules) = (Arc::clone(&self.authenticator), Arc::clone(&self.rules));
        let stomp = match hooks {
            None => stomp.authenticator(authenticator).authorizer(rules),
            Some(hooks) => {
                let authenticator = hooks.authenticator(authenticator, self.anonymous);
                stomp.authenticator(authenticator).authorizer(hooks.authorizer(rules))
            }
        };
        let stomp = stomp
            .tokens(self.tokens.clone())
            .tickets(self.tickets.clone())
            .failures_per_minute(self.failures_per_minute);
        stomp.rates(self.rates.clone())
    }
}

impl Config {
    /// What an endpoint that speaks STOMP is made of.
    pub(super) fn stomp(&self, endpoint: &str, security: &Security) -> Stomp {
        let hooks = security.hooks.as_ref().map(|hooks| hooks.on(endpoint, self.messaging.app_prefix.clone()));
        let messages = Messages::new().settings(self.messaging.clone());
        let messages = hooks.iter().fold(messages, |messages, hooks| hooks.messages(messages));
        let stomp = Stomp::new().settings(self.stomp.clone()).broker(self.broker.clone()).messages(messages);
        security.protect(stomp.feeds(self.feeds.clone()), hooks.as_ref())
    }

    /// Reads keys, checks rules and limits, and refuses what would not do what it seems to.
    pub(super) fn security(&self) -> Result<Security, Problem> {
        self.check_use()?;
        self.check_longest_token()?;
        self.rates.validate()?;
        Ok(Security {
            tokens: self.auth.token.clone(),
            tickets: self.auth.tickets.clone(),
            authenticator: self.auth.load()?,
            rules: Arc::new(Rules::new(&self.rules)?),
            rates: self.rates.clone(),
            failures_per_minute: self.auth.failures_per_minute,
            anonymous: self.auth.anonymous,
            hooks: self.hooks.is_configured().then(|| Hooks::new(&self.hooks)).transpose()?,
        })
    }

    /// A token that may be so long has to fit wherever it may be.
    fn check_longest_token(&self) -> Result<(), Problem> {
        let token = &self.auth.token;
        let are_shown = self.auth.jwt.is_configured() || self.hooks.connect;
        let limits = [
            ("server.max_head_bytes", self.server.max_head_bytes, token.max_bytes + BESIDE_IN_REQUEST),
            ("stomp.max_line_bytes", self.stomp.max_line_bytes, token.max_bytes + BEFORE_IN_LINE),
            ("stomp.max_head_bytes", self.stomp.max_head_bytes, token.max_bytes + BESIDE_IN_FRAME),
        ];
        let in_query = ("server.max_target_bytes", self.server.max_target_bytes, token.max_bytes);
        let limits = limits.into_iter().chain(token.query_parameter.as_ref().map(|_| in_query));
        let mut short = limits.filter(|(_, limit, needed)| are_shown && limit < needed);
        short.next().map_or(Ok(()), |(key, _, needed)| {
            let longest = token.max_bytes;
            let problem = format!("expected at least {needed}, or less than {longest} in auth.token.max_bytes: ");
            Err(Problem::new(key, problem + "a token of that size could not come in"))
        })
    }

    /// Policies that no application asks would only look like protection; an application that asks needs some.
    fn check_use(&self) -> Result<(), Problem> {
        if self.endpoints.values().any(|endpoint| endpoint.app.asks_policies()) {
            return match self.hooks.connect {
                true => Ok(()),
                false => Ok(self.auth.check_exposure(self.server.listen.ip())?),
            };
        }
        let default = Self::default();
        let changed = [
            ("auth", self.auth != default.auth),
            ("rules", self.rules != default.rules),
            ("hooks", self.hooks != default.hooks),
        ];
        match changed.into_iter().find(|(_, is_changed)| *is_changed) {
            Some((key, _)) => Err(Problem::new(key, NOBODY_ASKS)),
            None => Ok(()),
        }
    }
}

/// What stands before a token in a line of CONNECT, at the most: `x-authorization:Bearer `.
const BEFORE_IN_LINE: usize = 24;

/// The other lines of a CONNECT, and those of a browser's request.
const BESIDE_IN_FRAME: usize = 256;
const BESIDE_IN_REQUEST: usize = 1024;

const NOBODY_ASKS: &str = "protects nothing: no endpoint has an application that asks who its clients are";

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        Self::new(error.key, error.problem)
    }
}
