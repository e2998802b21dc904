use bytestring::ByteString;

/// Who a session belongs to. An application's authentication puts it into the request
/// (`request.set_data(Principal::new("ada"))`) before the endpoint sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    name: ByteString,
}

impl Principal {
    /// The principal with this unique name.
    pub fn new(name: impl Into<ByteString>) -> Self {
        Self { name: name.into() }
    }

    /// The unique name: what sessions are bound to.
    pub fn name(&self) -> &str {
        &self.name
    }
}
