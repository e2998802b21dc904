//! What an operator says of who may come in.

use super::{
    Anonymous, AuthError, Authenticator, Credentials, Identity, JwtAuthenticator, JwtSettings, TicketSettings,
    TokenSettings,
};
use crate::model::SettingsError;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// Who may come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Whether a client without a token may come in. Default: deny. Where no tokens are configured either, everybody may,
    /// but only from this machine ([`check_exposure`](Self::check_exposure)).
    pub anonymous: AnonymousPolicy,
    /// How many clients of one address may show wrong secrets, at once and in a minute. Then more are refused, 4429 "Too many
    /// failed attempts", but for those whose right one nobody can guess: tickets, and signed tokens whose key is known.
    /// Default 10.
    pub failures_per_minute: u32,
    /// Where a token may be.
    pub token: TokenSettings,
    /// What tokens are good.
    pub jwt: JwtSettings,
    /// What tickets may be made.
    pub tickets: TicketSettings,
}

/// What becomes of clients without a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnonymousPolicy {
    /// They may come in without a name.
    Allow,
    /// They are refused.
    #[default]
    Deny,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            anonymous: AnonymousPolicy::Deny,
            failures_per_minute: 10,
            token: TokenSettings::default(),
            jwt: JwtSettings::default(),
            tickets: TicketSettings::default(),
        }
    }
}

impl AuthSettings {
    /// Reads keys, and refuses what is weak or cannot be right.
    pub fn load(&self) -> Result<Arc<dyn Authenticator>, SettingsError> {
        self.token.validate()?;
        self.tickets.validate()?;
        if self.failures_per_minute == 0 {
            return Err(SettingsError::new("auth.failures_per_minute", "expected at least 1"));
        }
        if !self.jwt.is_configured() {
            self.refuse_tokens_without_keys()?;
            return Ok(if self.is_open() { Arc::new(Anonymous) } else { Arc::new(OnlyTickets) });
        }
        let tokens = self.jwt.load()?.with_longest_token(self.token.max_bytes);
        Ok(match self.anonymous {
            AnonymousPolicy::Deny => Arc::new(tokens),
            AnonymousPolicy::Allow => Arc::new(AnonymousOr(tokens)),
        })
    }

    /// Whether everybody may come in without showing anything.
    pub fn is_open(&self) -> bool {
        !self.has_credentials() || self.anonymous == AnonymousPolicy::Allow
    }

    /// Whether there is anything that clients could show.
    fn has_credentials(&self) -> bool {
        self.jwt.is_configured() || self.tickets.required
    }

    /// Refuses to serve everybody at an address that others than this machine reach, unless that was said by name.
    pub fn check_exposure(&self, listen: IpAddr) -> Result<(), SettingsError> {
        let is_said = self.has_credentials() || self.anonymous == AnonymousPolicy::Allow;
        match is_said || listen.to_canonical().is_loopback() {
            true => Ok(()),
            false => Err(SettingsError::new("auth.anonymous", EXPOSED)),
        }
    }

    /// Somebody who says what tokens look like means to check them.
    fn refuse_tokens_without_keys(&self) -> Result<(), SettingsError> {
        let JwtSettings { issuer, audience, algorithms, .. } = &self.jwt;
        match issuer.is_none() && audience.is_none() && algorithms.is_empty() {
            true => Ok(()),
            false => self.jwt.load().map(|_| ()),
        }
    }
}

const EXPOSED: &str = "no authentication is configured, so whoever reaches the address could open sessions; expected a \
                       key in [auth.jwt], or auth.tickets.required, or a loopback address in server.listen, or \"allow\" here (--allow-anonymous)";

/// Lets clients without a token in, and refuses those with a bad one: they mean to be somebody.
struct AnonymousOr(JwtAuthenticator);

impl Authenticator for AnonymousOr {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        match credentials.token {
            None => Anonymous.authenticate(credentials),
            Some(_) => self.0.authenticate(credentials),
        }
    }

    fn recognize<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Option<Identity>> {
        match credentials.token {
            None => Anonymous.recognize(credentials),
            Some(_) => self.0.recognize(credentials),
        }
    }

    fn prepare(&self) -> BoxFuture<'_, ()> {
        self.0.prepare()
    }
}

/// Refuses whoever has no ticket; tickets do not come here.
struct OnlyTickets;

impl Authenticator for OnlyTickets {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        let error = if credentials.token.is_some() { AuthError::Ticket } else { AuthError::NoToken };
        Box::pin(std::future::ready(Err(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;
    use crate::policy::testing::showing;

    fn with_secret(anonymous: AnonymousPolicy) -> AuthSettings {
        let jwt = JwtSettings {
            secret: Some(Secret::from("0123456789abcdef0123456789abcdef")),
            require_issuer: false,
            require_audience: false,
            ..JwtSettings::default()
        };
        AuthSettings { anonymous, jwt, ..AuthSettings::default() }
    }

    async fn answer(settings: &AuthSettings, token: Option<&str>) -> Result<bool, AuthError> {
        let credentials = showing(token, None);
        settings.load().unwrap().authenticate(&credentials).await.map(|identity| identity.principal.is_some())
    }

    #[tokio::test]
    async fn without_a_token_one_is_anonymous_where_that_is_allowed() {
        let (allow, deny) = (with_secret(AnonymousPolicy::Allow), with_secret(AnonymousPolicy::Deny));
        assert_eq!(answer(&allow, None).await, Ok(false));
        assert_eq!(answer(&deny, None).await, Err(AuthError::NoToken));
        assert_eq!(answer(&allow, Some("junk")).await, Err(AuthError::Malformed));
        assert_eq!(answer(&AuthSettings::default(), Some("junk")).await, Ok(false));
    }

    #[test]
    fn without_authentication_only_the_own_machine_is_served_unless_that_is_said_by_name() {
        let check = |settings: &AuthSettings, address: &str| settings.check_exposure(address.parse().unwrap());
        let nothing = AuthSettings::default();
        for loopback in ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
            assert!(check(&nothing, loopback).is_ok(), "{loopback}");
        }
        for reached in ["0.0.0.0", "::", "192.168.0.1"] {
            assert_eq!(check(&nothing, reached).unwrap_err().key, "auth.anonymous", "{reached}");
            assert!(check(&with_secret(AnonymousPolicy::Deny), reached).is_ok(), "{reached}");
            let said = AuthSettings { anonymous: AnonymousPolicy::Allow, ..AuthSettings::default() };
            assert!(check(&said, reached).is_ok(), "{reached}");
        }
    }

    #[tokio::test]
    async fn where_tickets_are_required_nobody_comes_in_without_one() {
        let tickets = TicketSettings { required: true, ..TicketSettings::default() };
        let settings = AuthSettings { tickets, ..AuthSettings::default() };
        assert_eq!(answer(&settings, None).await, Err(AuthError::NoToken));
        assert_eq!(answer(&settings, Some("junk")).await, Err(AuthError::Ticket));
        assert_eq!(settings.check_exposure(IpAddr::from([0, 0, 0, 0])), Ok(()));
        let or_nobody = AuthSettings { anonymous: AnonymousPolicy::Allow, ..settings };
        assert_eq!(answer(&or_nobody, None).await, Ok(false));
    }

    #[test]
    fn an_issuer_without_a_key_is_refused() {
        let jwt = JwtSettings { issuer: Some("me".into()), ..JwtSettings::default() };
        let settings = AuthSettings { jwt, ..AuthSettings::default() };
        assert_eq!(settings.load().err().map(|error| error.key), Some("auth.jwt"));
    }
}
