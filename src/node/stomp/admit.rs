//! Who comes in, and with what.

use super::shared::Shared;
use crate::messaging::Client;
use crate::model::{Headers, Principal, Secret};
use crate::node::now;
use crate::policy::{AddressKey, AuthError, Credentials, Identity, ShownTicket, is_ticket};
use bytestring::ByteString;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

impl Shared {
    /// Who a client is: by a token, or else whom it is `known` to be. Where others of its address failed too often, only a
    /// secret that nobody can guess is looked at. A client that says that it comes back may show a ticket again.
    pub(in crate::node) async fn admit(
        &self,
        client: &Client,
        shown: Shown,
        known: Option<Principal>,
    ) -> Result<Identity, Denied> {
        let remote = client.remote_addr();
        let Shown { token, login, passcode, headers, comes_back } = shown;
        let token = token.map_err(|error| self.failed(remote, error))?;
        if let (None, Some(principal)) = (&token, known) {
            principal.check_name().map_err(AuthError::Name)?;
            return Ok(Identity { principal: Some(principal), ..Identity::ANONYMOUS });
        }
        let (session, transport) = (client.id(), client.transport());
        let credentials = Credentials { token, login, passcode, headers, session, transport, remote };
        let identity = self.look_at(&credentials, comes_back).await?;
        self.check_revocation(&identity)?;
        Ok(identity)
    }

    /// Who shows nothing guesses nothing: it neither counts nor has to wait.
    async fn look_at(&self, credentials: &Credentials, comes_back: bool) -> Result<Identity, Denied> {
        if shows_nothing(credentials) {
            return Ok(self.identify(credentials, comes_back).await?);
        }
        match self.failures.check(AddressKey::from(credentials.remote), now()) {
            Ok(()) => {
                let identity = self.identify(credentials, comes_back).await;
                identity.map_err(|error| self.failed(credentials.remote, error))
            }
            Err(wait) => self.recognize(credentials, comes_back).await?.ok_or_else(|| self.turned_away(wait)),
        }
    }

    fn failed(&self, remote: IpAddr, error: AuthError) -> Denied {
        if error.may_be_a_guess() {
            self.failures.failed(AddressKey::from(remote), now());
        }
        Denied::Auth(error)
    }

    fn turned_away(&self, wait: Duration) -> Denied {
        self.failures.turned_away();
        Denied::TooManyFailures(wait)
    }

    /// Who shows these credentials.
    async fn identify(&self, credentials: &Credentials, comes_back: bool) -> Result<Identity, AuthError> {
        match self.redeem(credentials, comes_back) {
            Some(redeemed) => redeemed,
            None => named(self.authenticator.authenticate(credentials).await?),
        }
    }

    /// The same for a client of an address that failed too often: only a secret that nobody can guess is looked at.
    async fn recognize(&self, credentials: &Credentials, comes_back: bool) -> Result<Option<Identity>, AuthError> {
        match self.redeem(credentials, comes_back) {
            Some(redeemed) => redeemed.map(Some),
            None => self.authenticator.recognize(credentials).await.map(named).transpose(),
        }
    }

    /// Whose ticket the token is, if it is one.
    fn redeem(&self, credentials: &Credentials, comes_back: bool) -> Option<Result<Identity, AuthError>> {
        let ticket = credentials.token.as_ref().map(Secret::expose).filter(|token| is_ticket(token))?;
        let shown = ShownTicket { ticket, address: credentials.remote.into(), comes_back };
        Some(self.tickets.redeem(shown, SystemTime::now(), |id| self.tokens_in_use.has(id)))
    }

    pub(in crate::node) fn check_revocation(&self, identity: &Identity) -> Result<(), AuthError> {
        match self.revocations.is_revoked(identity, identity.issued_at(), SystemTime::now()) {
            true => Err(AuthError::Revoked),
            false => Ok(()),
        }
    }
}

fn shows_nothing(credentials: &Credentials) -> bool {
    let Credentials { token, login, passcode, headers, .. } = credentials;
    token.is_none() && login.is_none() && passcode.is_none() && headers.is_empty()
}

/// Whoever was found by an application's own means is looked at too: here all come in.
fn named(identity: Identity) -> Result<Identity, AuthError> {
    match identity.principal.as_ref().map_or(Ok(()), Principal::check_name) {
        Ok(()) => Ok(identity),
        Err(error) => Err(AuthError::Name(error)),
    }
}

/// What a client shows to be let in.
pub(in crate::node) struct Shown {
    pub(in crate::node) token: Result<Option<Secret>, AuthError>,
    pub(in crate::node) login: Option<ByteString>,
    pub(in crate::node) passcode: Option<Secret>,
    pub(in crate::node) headers: Headers,
    /// Whether the client says that it was here before.
    pub(in crate::node) comes_back: bool,
}

impl Shown {
    /// Nothing but a token.
    pub(in crate::node) fn token(token: Result<Option<Secret>, AuthError>) -> Self {
        Self { token, login: None, passcode: None, headers: Headers::new(), comes_back: false }
    }
}

/// How long a session may live on as this identity's; `None` is for ever.
pub(in crate::node) fn time_left(identity: &Identity) -> Option<Duration> {
    identity.expires_at.map(|end| end.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Why somebody did not come in.
pub(in crate::node) enum Denied {
    /// Too many clients of the address failed to show who they are; again after this time.
    TooManyFailures(Duration),
    Auth(AuthError),
}

impl From<AuthError> for Denied {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}
