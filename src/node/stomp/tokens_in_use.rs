//! Which sessions came in with which token.

use crate::model::SessionId;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Which sessions came in with which token, for its revocation.
#[derive(Default)]
pub(in crate::node) struct TokensInUse(Mutex<HashMap<ByteString, Vec<SessionId>>>);

impl TokensInUse {
    pub(in crate::node) fn remember(&self, session: SessionId, token: Option<&ByteString>) {
        if let Some(token) = token {
            self.0.lock().entry(token.clone()).or_default().push(session);
        }
    }

    pub(in crate::node) fn forget(&self, session: SessionId, token: Option<&ByteString>) {
        let Some(token) = token else { return };
        let mut tokens = self.0.lock();
        let Some(sessions) = tokens.get_mut(token) else { return };
        sessions.retain(|other| *other != session);
        if sessions.is_empty() {
            tokens.remove(token);
        }
    }

    pub(super) fn has(&self, token: &ByteString) -> bool {
        self.0.lock().contains_key(token)
    }

    pub(super) fn sessions(&self, token: &ByteString) -> Vec<SessionId> {
        self.0.lock().get(token).cloned().unwrap_or_default()
    }
}
