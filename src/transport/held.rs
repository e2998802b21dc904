//! Answers that are long in coming.

/// Data of a response whose body may be long in coming. Byway's own server takes such a connection back from hyper, which
/// would keep 16 KiB of buffers for it meanwhile; to any other server the body is one like others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The body goes on and on, and each piece is sent as it comes.
    Stream,
    /// The body comes in one piece, and the head with it, which announces its length.
    Whole,
}
