//! All keys of the API, and who shows one.

use super::key::KeyHash;
use super::settings::{ApiKeySettings, ApiSettings, Permission};
use std::sync::Arc;

/// The longest key in bytes that is looked at.
const MAX_KEY_BYTES: usize = 256;

/// The keys that there are. Cheap to clone.
#[derive(Clone)]
pub(in crate::server) struct Keys(Arc<[Arc<ApiKeySettings>]>);

impl Keys {
    pub(in crate::server) fn new(settings: &ApiSettings) -> Self {
        Self(settings.keys.iter().cloned().map(Arc::new).collect())
    }

    /// Whose key this is. All are compared, and each in the same time, so that nobody learns from the time how near a
    /// guess was.
    pub(in crate::server) fn find(&self, key: &str) -> Option<Arc<ApiKeySettings>> {
        if key.len() > MAX_KEY_BYTES {
            return None;
        }
        let hash = KeyHash::of(key);
        let is_it = |found, key: &Arc<ApiKeySettings>| if key.hash.is(&hash) { Some(Arc::clone(key)) } else { found };
        self.0.iter().fold(None, is_it)
    }

    /// Whether the key of this name may do that. Names are unique.
    pub(in crate::server) fn allow(&self, name: &str, permission: Permission) -> bool {
        self.0.iter().any(|key| key.name == name && key.allow.contains(&permission))
    }
}
