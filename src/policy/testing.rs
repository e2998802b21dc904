//! What tests of settings and of policies share.

use super::Credentials;
use crate::model::{Headers, SessionId, Transport};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// A file that goes with the test.
pub struct TempFile(pub PathBuf);

impl TempFile {
    /// A new file with this content.
    pub fn new(content: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("byway-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// What somebody shows from 192.0.2.1.
pub fn showing(token: Option<&str>, passcode: Option<&str>) -> Credentials {
    Credentials {
        token: token.map(|token| token.to_owned().into()),
        login: None,
        passcode: passcode.map(|passcode| passcode.to_owned().into()),
        headers: Headers::new(),
        session: SessionId(1),
        transport: Transport::Websocket,
        remote: [192, 0, 2, 1].into(),
    }
}

/// A time in seconds since 1970.
pub fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
