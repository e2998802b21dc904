//! What a client may send in a time.

use super::refusal::Refusal;
use super::shared::Shared;
use super::speaker::StompSpeaker;
use crate::messaging::Client;
use crate::model::{Destination, Disconnect, Principal};
use crate::node::charge::{Excess, charge};
use crate::policy::{AddressKey, RateKeys, Sent, SessionRate};
use crate::protocol::stomp::Failure;

impl Shared {
    /// Charges what a client sent to all whose limits it counts for. Where these say that it has to wait, it waits here.
    pub(in crate::node) async fn charge(
        &self,
        client: &Client,
        session: &SessionRate,
        sent: Sent<'_>,
        bytes: usize,
    ) -> Result<(), Excess> {
        let principal = client.principal();
        let user = principal.as_ref().map(Principal::name);
        let address = user.is_none().then(|| AddressKey::from(client.remote_addr()));
        charge(&self.rates, &RateKeys { session, user, address, sent }, bytes).await
    }
}

impl StompSpeaker {
    /// Charges a frame. While it waits, so does everything behind it: nothing more is read from the client meanwhile.
    pub(super) async fn charge(&self, destination: Option<&Destination>, bytes: usize) -> Result<(), Refusal> {
        let sent = destination.map_or(Sent::Request, Sent::To);
        Ok(self.shared.charge(&self.client, &self.rate, sent, bytes).await?)
    }
}

impl From<Excess> for Refusal {
    fn from(Excess { limit, retry_after }: Excess) -> Self {
        let detail = format!("The limit {limit} is reached.");
        let failure = |detail| Failure::new(Disconnect::RATE_LIMITED, "Too many messages", detail);
        match retry_after {
            Some(wait) => Self::Told(failure(format!("{detail} Try again in {} s.", wait.as_secs() + 1))),
            None => Self::Fatal(failure(detail)),
        }
    }
}
