//! What a client may send in a time.

use super::refusal::Refusal;
use super::shared::Shared;
use super::speaker::StompSpeaker;
use crate::messaging::Client;
use crate::model::{Destination, Disconnect, Principal};
use crate::node::now;
use crate::policy::{AddressKey, RateKeys, SessionRate, Stage, Verdict};
use crate::protocol::stomp::Failure;
use std::time::Duration;

/// A client is over a limit.
pub(in crate::node) struct Excess {
    /// The limit's name.
    pub(in crate::node) limit: &'static str,
    /// When another message may pass; `None` where the session has to end.
    pub(in crate::node) retry_after: Option<Duration>,
}

impl Shared {
    /// Charges a message to all whose limits it counts for. Where these say that it has to wait, it waits here.
    pub(in crate::node) async fn charge(
        &self,
        client: &Client,
        session: &SessionRate,
        destination: Option<&Destination>,
        bytes: usize,
    ) -> Result<(), Excess> {
        let principal = client.principal();
        let user = principal.as_ref().map(Principal::name);
        let keys = RateKeys { session, user, address: AddressKey::from(client.remote_addr()), destination };
        let mut stage = Stage::START;
        loop {
            match self.rates.check(&keys, bytes, stage, now()) {
                Verdict::Pass => return Ok(()),
                Verdict::Wait { time, then } => {
                    stage = then;
                    tokio::time::sleep(time).await;
                }
                Verdict::Refuse { limit, retry_after } => {
                    return Err(Excess { limit, retry_after: Some(retry_after) });
                }
                Verdict::Close { limit } => return Err(Excess { limit, retry_after: None }),
            }
        }
    }
}

impl StompSpeaker {
    /// Charges a frame. While it waits, so does everything behind it: nothing more is read from the client meanwhile.
    pub(super) async fn charge(&self, destination: Option<&Destination>, bytes: usize) -> Result<(), Refusal> {
        Ok(self.shared.charge(&self.client, &self.rate, destination, bytes).await?)
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
