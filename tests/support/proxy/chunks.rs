//! Chunks (RFC 9112, section 7.1), read as they come and however they are cut.

#[derive(Debug, Default)]
pub struct Chunks {
    /// What is not read yet: less than a size line, and the end of a chunk.
    pending: Vec<u8>,
    /// What is left of the chunk under way, with the line end behind it.
    left: usize,
    pub ended: bool,
}

impl Chunks {
    /// The data in what has come.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        let mut data = Vec::new();
        while !self.ended && self.step(&mut data) {}
        data
    }

    /// Reads on by a size line or a piece of a chunk; false when that takes more than is there.
    fn step(&mut self, data: &mut Vec<u8>) -> bool {
        if self.left == 0 {
            return self.size();
        }
        let piece: Vec<u8> = self.pending.drain(..self.left.min(self.pending.len())).collect();
        let of_data = piece.len().min(self.left.saturating_sub(2));
        data.extend_from_slice(&piece[..of_data]);
        self.left -= piece.len();
        !piece.is_empty()
    }

    fn size(&mut self) -> bool {
        let Some(end) = self.pending.windows(2).position(|two| two == b"\r\n") else { return false };
        let line: Vec<u8> = self.pending.drain(..end + 2).collect();
        let size = std::str::from_utf8(&line[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a size is hexadecimal");
        (self.left, self.ended) = (size + 2, size == 0);
        true
    }
}
