use bytestring::ByteString;

/// Names and values that travel with a message, in order. Where a name comes twice, the first counts (STOMP 1.2,
/// "Repeated Header Entries").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(ByteString, ByteString)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the first header of this name. Names are case-sensitive.
    pub fn get(&self, name: &str) -> Option<&ByteString> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Appends a header; one of the same name that is there already goes on to count.
    pub fn append(&mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) {
        self.0.push((name.into(), value.into()));
    }

    /// Puts a header in the place of all that have its name.
    pub fn set(&mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) {
        let name = name.into();
        self.0.retain(|(key, _)| *key != name);
        self.append(name, value);
    }

    /// Drops the headers whose names are not wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }

    /// All headers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<ByteString>, V: Into<ByteString>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_counts_until_another_is_set() {
        let mut headers: Headers = [("a", "1"), ("a", "2"), ("A", "3")].into_iter().collect();
        assert_eq!(headers.get("a").map(|value| &**value), Some("1"));
        headers.set("a", "4");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("A", "3"), ("a", "4")]);
    }
}
