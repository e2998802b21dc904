/// Who says that a publication from a work queue is done with (STOMP 1.2, "SUBSCRIBE ack Header").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AckMode {
    /// Nobody: it is done with when it is handed over.
    #[default]
    Auto,
    /// The consumer, for it and for all that it was handed before.
    Client,
    /// The consumer, one by one.
    ClientIndividual,
}
