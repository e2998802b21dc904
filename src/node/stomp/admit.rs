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
    /// Who a client is: by a token, or else whom it is `known` to be. Addresses that fail too often are not looked at. A
    /// client that says that it comes back may show a ticket again.
    pub(in crate::node) async fn admit(
        &self,
        client: &Client,
        shown: Shown,
        known: Option<Principal>,
    ) -> Result<Identity, Denied> {
        let remote = client.remote_addr();
        self.failures.check(AddressKey::from(remote), now()).map_err(Denied::TooManyFailures)?;
        let count = |error: AuthError| self.count_failure(remote, error);
        let Shown { token, login, passcode, headers, comes_back } = shown;
        let token = token.map_err(count)?;
        if let (None, Some(principal)) = (&token, known) {
            return Ok(Identity { principal: Some(principal), ..Identity::ANONYMOUS });
        }
        let (session, transport) = (client.id(), client.transport());
        let credentials = Credentials { token, login, passcode, headers, session, transport, remote };
        self.identify(&credentials, comes_back).await.map_err(count)
    }

    fn count_failure(&self, remote: IpAddr, error: AuthError) -> Denied {
        if error.may_be_a_guess() {
            self.failures.failed(AddressKey::from(remote), now());
        }
        Denied::Auth(error)
    }

    /// Who shows these credentials, unless that was revoked.
    async fn identify(&self, credentials: &Credentials, comes_back: bool) -> Result<Identity, AuthError> {
        let identity = match credentials.token.as_ref().filter(|token| is_ticket(token.expose())) {
            Some(ticket) => {
                let shown = ShownTicket { ticket: ticket.expose(), address: credentials.remote.into(), comes_back };
                self.tickets.redeem(shown, SystemTime::now(), |id| self.tokens_in_use.has(id))?
            }
            None => self.authenticator.authenticate(credentials).await?,
        };
        self.check_revocation(&identity)?;
        Ok(identity)
    }

    pub(in crate::node) fn check_revocation(&self, identity: &Identity) -> Result<(), AuthError> {
        match self.revocations.is_revoked(identity, identity.issued_at(), SystemTime::now()) {
            true => Err(AuthError::Revoked),
            false => Ok(()),
        }
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
