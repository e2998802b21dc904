//! The built-in application `echo`.

use crate::model::Message;
use crate::node::{Handler, SessionHandle};

/// Sends every message back.
#[derive(Debug, Default)]
pub(super) struct Echo;

impl Handler for Echo {
    async fn message(&self, session: &SessionHandle, message: Message) {
        // The only failure is that the session has ended, and then nobody waits for the echo.
        session.send(message).ok();
    }
}
