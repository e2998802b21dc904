//! What the API has done, in numbers.

use http::StatusCode;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// What the API of a [`Site`](crate::server::Site) has done, for its `/metrics`.
#[derive(Debug, Default)]
pub struct ApiCounts {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    publications: Mutex<BTreeMap<&'static str, u64>>,
}

impl ApiCounts {
    /// Requests, by the name of the operation in the description, `none` where there was none, and by the status of the answer.
    pub fn requests(&self) -> Vec<((&'static str, u16), u64)> {
        self.requests.lock().iter().map(|(of, count)| (*of, *count)).collect()
    }

    /// Messages that were to be published, by what became of them: `published`, `repeated`, `failed`.
    pub fn publications(&self) -> Vec<(&'static str, u64)> {
        self.publications.lock().iter().map(|(result, count)| (*result, *count)).collect()
    }

    pub(super) fn answered(&self, operation: Option<&'static str>, status: StatusCode) {
        *self.requests.lock().entry((operation.unwrap_or("none"), status.as_u16())).or_default() += 1;
    }

    pub(super) fn publication(&self, result: &'static str) {
        *self.publications.lock().entry(result).or_default() += 1;
    }
}
