//! Endpoints where they are served.

use super::application::Application;
use crate::messaging::Messenger;
use crate::node::Byway;

/// An endpoint, and where it is.
#[derive(Debug, Clone)]
pub struct Mounted {
    /// What metrics call it.
    pub name: String,
    /// Its path, absolute and without a slash at the end.
    pub path: String,
    /// Where its feeds are, too: another such path.
    pub feed_path: Option<String>,
    /// What runs on it.
    pub application: Application,
    /// The endpoint itself.
    pub byway: Byway,
    /// The way to publish on it, if its application has destinations.
    pub messenger: Option<Messenger>,
}
