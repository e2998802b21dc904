use bytestring::ByteString;
use std::fmt;

/// Names and values that travel with a message, in their order, without repetitions: the first entry of a name is its
/// value (STOMP 1.2, "Repeated Header Entries"). Names are case-sensitive.
///
/// `Debug` shows the names only: values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(ByteString, ByteString)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the header with this name.
    pub fn get(&self, name: &str) -> Option<&ByteString> {
        self.0.iter().find(|(known, _)| *known == *name).map(|(_, value)| value)
    }

    /// Appends a header; does nothing where there is one with this name.
    pub fn push(&mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) {
        let name = name.into();
        if self.get(&name).is_none() {
            self.0.push((name, value.into()));
        }
    }

    /// Appends a header, in the place of the one with this name.
    pub fn set(&mut self, name: impl Into<ByteString>, value: impl Into<ByteString>) {
        let name = name.into();
        self.remove(&name);
        self.0.push((name, value.into()));
    }

    /// Takes the header with this name out.
    pub fn remove(&mut self, name: &str) -> Option<ByteString> {
        let at = self.0.iter().position(|(known, _)| *known == *name)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the headers whose names are wanted.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }

    /// All headers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&ByteString, &ByteString)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<N: Into<ByteString>, V: Into<ByteString>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut collected = Self::new();
        headers.into_iter().for_each(|(name, value)| collected.push(name, value));
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_of_a_name_is_its_value_until_another_is_set() {
        let mut headers = Headers::from_iter([("a", "1"), ("A", "2"), ("a", "3")]);
        assert_eq!((headers.get("a"), headers.len()), (Some(&"1".into()), 2));
        headers.set("a", "4");
        assert_eq!(headers, Headers::from_iter([("A", "2"), ("a", "4")]));
    }

    #[test]
    fn debug_output_shows_no_values() {
        let headers = Headers::from_iter([("passcode", "hunter2")]);
        assert_eq!(format!("{headers:?}"), r#"{"passcode"}"#);
    }
}
