/// How much a client may send. Nothing is reserved for what is only announced: memory grows with
/// the bytes that arrive, to at most twice their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, after inflating. Default 65,536. The close code is 1009.
    pub message: usize,
    /// Bytes of a data frame's payload as they are on the wire. Default 65,536. The close code is
    /// 1009.
    pub frame: usize,
    /// Data frames of a message. Default 1,024. The close code is 1008.
    pub fragments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 65_536, frame: 65_536, fragments: 1_024 }
    }
}
