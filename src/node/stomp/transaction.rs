//! COMMIT: all that a transaction holds, or nothing of it.
//!
//! It is checked as a whole before anything of it is done: what the client may do, what it may acknowledge, and whether there
//! is room for all that the broker is to take. Then the application is asked, as far as the transaction is for its handlers,
//! in order; the first that refuses ends it. What handlers did cannot be undone, and so they come before the broker takes
//! anything. Then the broker takes all of the rest in one step, and then the acknowledgements count.

use super::refusal::Refusal;
use super::send::Checked;
use super::speaker::StompSpeaker;
use crate::broker::Settlement;
use crate::messaging::SendAddress;
use crate::model::Publication;
use crate::node::SessionHandle;
use crate::node::broker::{Owner, Refused, Step};
use crate::protocol::stomp::{Ack, Action};
use bytestring::ByteString;

/// What may be done, and is not done yet.
#[derive(Default)]
struct Prepared {
    /// For the application, and new tokens: done one after the other.
    asked: Vec<Checked>,
    /// For the broker.
    steps: Vec<Step>,
    acks: Vec<(Ack, Settlement)>,
}

impl StompSpeaker {
    pub(super) async fn commit(
        &mut self,
        session: &SessionHandle,
        actions: Vec<Action>,
        receipt: Option<ByteString>,
    ) -> Result<(), Refusal> {
        let done = self.commit_all(session, actions, receipt.as_ref()).await;
        done.map_err(|refusal| refusal.with_receipt(receipt.clone()))?;
        self.receipt(session, receipt);
        Ok(())
    }

    async fn commit_all(
        &mut self,
        session: &SessionHandle,
        actions: Vec<Action>,
        receipt: Option<&ByteString>,
    ) -> Result<(), Refusal> {
        let Prepared { asked, mut steps, acks } = self.prepare_all(actions).await?;
        still_heard(session)?;
        self.check_acks(&acks)?;
        if !asked.is_empty() {
            let checked = self.shared.broker.check_all(&mut steps, self.account(session));
            checked.map_err(|refused| about(refused, &steps))?;
        }
        for checked in asked {
            self.carry_out_send(session, checked, receipt).await?;
            still_heard(session)?;
        }
        let taken = self.shared.broker.publish_all_in_turn(&mut steps, self.account(session)).await;
        taken.map_err(|refused| about(refused, &steps))?;
        acks.iter().try_for_each(|(ack, settlement)| self.acknowledge(ack, *settlement))
    }

    async fn prepare_all(&self, actions: Vec<Action>) -> Result<Prepared, Refusal> {
        let mut prepared = Prepared::default();
        for action in actions {
            match action {
                Action::Send(send) => self.sort_in(self.check(send).await?, &mut prepared)?,
                Action::Ack(ack) => prepared.acks.push((ack, Settlement::Ack)),
                Action::Nack(ack) => prepared.acks.push((ack, Settlement::Nack)),
            }
        }
        Ok(prepared)
    }

    fn sort_in(&self, checked: Checked, prepared: &mut Prepared) -> Result<(), Refusal> {
        let (owner, publication) = match checked {
            Checked::Dropped => return Ok(()),
            Checked::To(SendAddress::Broker(_), publication) => (None, publication),
            Checked::To(SendAddress::User { name, suffix }, publication) => {
                let destination = self.shared.messaging().user_destination(suffix.as_text().clone())?;
                (Some(Owner::User(name)), Publication { destination, ..publication })
            }
            asked => {
                prepared.asked.push(asked);
                return Ok(());
            }
        };
        let left = self.shared.outbound(publication);
        prepared.steps.extend(left.map(|publication| Step { owner, publication }));
        Ok(())
    }
}

fn still_heard(session: &SessionHandle) -> Result<(), Refusal> {
    if session.is_heard() { Ok(()) } else { Err(Refusal::KnownToClient) }
}

fn about(Refused { error, at }: Refused, steps: &[Step]) -> Refusal {
    let refusal = Refusal::from(error);
    match steps.get(at) {
        Some(step) => refusal.about("SEND", step.publication.destination.as_str()),
        None => refusal,
    }
}
