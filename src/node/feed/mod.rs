//! Feeds: topics for those who only listen and speak nothing but HTTP. A feed is a session that nothing is sent to, with one
//! receiver, with which it ends.
//!
//! [`Feeds`] opens them; [`Feed`] is what a transport reads from.

mod form;
mod listen;
mod open;
mod position;
mod reader;
mod refusal;
mod settings;
mod speaker;

pub(super) use form::FeedForm;
pub(crate) use open::{Beginning, FeedRequest, Feeds};
pub(crate) use reader::{Feed, Polled};
pub(crate) use refusal::FeedRefusal;
pub use settings::FeedSettings;
