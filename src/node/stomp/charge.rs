//! What a client may send in a time.

use super::refusal::Refusal;
use super::speaker::StompSpeaker;
use crate::model::{Destination, Disconnect};
use crate::node::now;
use crate::policy::{AddressKey, RateKeys, Stage, Verdict};
use crate::protocol::stomp::Failure;

impl StompSpeaker {
    /// Charges a frame to all whose limits it counts for. Where these say that it has to wait, so does everything behind
    /// it: nothing more is read from the client meanwhile.
    pub(super) async fn charge(&self, destination: Option<&Destination>, bytes: usize) -> Result<(), Refusal> {
        let principal = self.client.principal();
        let keys = RateKeys {
            session: &self.rate,
            user: principal.as_ref().map(|principal| principal.name()),
            address: AddressKey::from(self.client.remote_addr()),
            destination,
        };
        let mut stage = Stage::START;
        loop {
            match self.shared.rates.check(&keys, bytes, stage, now()) {
                Verdict::Pass => return Ok(()),
                Verdict::Wait { time, then } => {
                    stage = then;
                    tokio::time::sleep(time).await;
                }
                Verdict::Refuse { limit, retry_after } => {
                    let detail = format!("The limit {limit} is reached. Try again in {} s.", retry_after.as_secs() + 1);
                    return Err(Refusal::Told(too_many(detail)));
                }
                Verdict::Close { limit } => return Err(too_many(format!("The limit {limit} is reached.")).into()),
            }
        }
    }
}

fn too_many(detail: String) -> Failure {
    Failure::new(Disconnect::RATE_LIMITED, "Too many messages", detail)
}
