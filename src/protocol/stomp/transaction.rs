use super::{Action, Failure, StompSettings};
use bytestring::ByteString;

/// The open transactions of one connection (STOMP 1.2, "BEGIN"). They are few, so they are searched from the front.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: Vec<Transaction>,
    /// What all of them hold.
    bytes: usize,
    frames: usize,
}

#[derive(Debug)]
struct Transaction {
    id: ByteString,
    actions: Vec<Action>,
    bytes: usize,
}

impl Transactions {
    /// Opens a transaction.
    ///
    /// # Errors
    /// When one with this id is open, or as many as there may be.
    pub(super) fn begin(&mut self, id: &ByteString, settings: &StompSettings) -> Result<(), Failure> {
        if self.find(id).is_some() {
            return Err(Failure::sequence("Transaction already begun", "Open transactions have different ids."));
        }
        if self.open.len() >= settings.max_transactions {
            let detail = "Commit or abort a transaction before the next one.";
            return Err(Failure::limit("Too many transactions", detail).harmless());
        }
        // A copy, so that it does not keep its frame in memory.
        self.open.push(Transaction { id: (**id).into(), actions: Vec::new(), bytes: 0 });
        Ok(())
    }

    /// What all of them hold.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps what a frame asked for that takes `cost` bytes of memory, until the transaction ends.
    ///
    /// # Errors
    /// When there is no such transaction, or no room.
    pub(super) fn add(
        &mut self,
        id: &ByteString,
        action: Action,
        cost: usize,
        settings: &StompSettings,
    ) -> Result<(), Failure> {
        let at = self.find(id).ok_or_else(unknown)?;
        if self.frames >= settings.max_transaction_frames || self.bytes + cost > settings.max_transaction_bytes {
            return Err(Failure::limit("Transactions too large", "Commit smaller transactions."));
        }
        (self.frames, self.bytes) = (self.frames + 1, self.bytes + cost);
        let transaction = &mut self.open[at];
        transaction.actions.push(action);
        transaction.bytes += cost;
        Ok(())
    }

    /// Ends a transaction, and answers what it held.
    ///
    /// # Errors
    /// When there is no such transaction.
    pub(super) fn end(&mut self, id: &ByteString) -> Result<Vec<Action>, Failure> {
        let at = self.find(id).ok_or_else(unknown)?;
        let transaction = self.open.remove(at);
        self.bytes -= transaction.bytes;
        self.frames -= transaction.actions.len();
        Ok(transaction.actions)
    }

    fn find(&self, id: &ByteString) -> Option<usize> {
        self.open.iter().position(|transaction| transaction.id == *id)
    }
}

fn unknown() -> Failure {
    Failure::sequence("Unknown transaction", "BEGIN opens a transaction; COMMIT and ABORT end it.").harmless()
}
