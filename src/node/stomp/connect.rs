//! Coming in, staying in with a new token, and leaving.

use super::admit::{Denied, Shown, time_left};
use super::refusal::Refusal;
use super::speaker::StompSpeaker;
use crate::messaging::{Event, Inbound};
use crate::model::{Disconnect, Headers, Principal};
use crate::node::SessionHandle;
use crate::policy::{AuthError, Identity};
use crate::protocol::stomp::{Connect, Failure};
use crate::session::{Deadline, KeepAlive};
use bytestring::ByteString;

impl StompSpeaker {
    /// CONNECT: whoever may come in is told so, and is watched from then on.
    pub(super) async fn connect(&mut self, session: &SessionHandle, connect: Connect) -> Result<(), Refusal> {
        let inbound = Inbound::Connect { headers: connect.headers.clone() };
        let inbound =
            self.shared.dispatcher.inbound(&self.client, inbound).map_err(|error| Refusal::from(error).fatal())?;
        let Some(Inbound::Connect { headers }) = inbound else { return Ok(()) };
        self.shared.tell(Event::Connect(self.client.clone())).await;
        let (login, passcode) = (connect.login.clone(), connect.passcode.clone());
        let known = self.client.principal();
        let identity = self.identify(headers, (login, passcode), known).await?;
        // Whoever has waited for keys may have been sent away meanwhile. What a client has sent behind its CONNECT counts also
        // when it has left since.
        match session.is_heard() {
            true => self.admit(session, &connect, identity).await,
            false => Ok(()),
        }
    }

    async fn admit(&mut self, session: &SessionHandle, connect: &Connect, identity: Identity) -> Result<(), Refusal> {
        if let Some(principal) = identity.principal.clone() {
            self.client.set_principal(principal);
        }
        self.shared.users.connected(&self.client).map_err(|error| Refusal::forbidden(error).fatal())?;
        self.shared.broker.open_account(&session.0, identity.principal.as_ref());
        session.0.tenant.connected(identity.principal.is_some());
        self.remember(session, &identity)?;
        self.shared.tell(Event::Connected(self.client.clone())).await;
        let user = identity.principal.as_ref().map(Principal::name);
        let frame = self.connection.connected(connect, &session.id().to_string(), user);
        self.reply(session, frame);
        self.keep_alive(session, connect);
        Ok(())
    }

    /// From now on the session belongs to this identity, for as long as that lasts.
    fn remember(&mut self, session: &SessionHandle, identity: &Identity) -> Result<(), Refusal> {
        self.shared.tokens_in_use.forget(session.id(), self.token_id.as_ref());
        self.token_id = identity.token_id.clone();
        self.shared.tokens_in_use.remember(session.id(), self.token_id.as_ref());
        match time_left(identity) {
            None => session.0.end_at(Deadline::Authentication, None),
            Some(left) => self.end_after(session, Deadline::Authentication, left, refused(AuthError::Expired)),
        }
        // A revocation that came since the first look has not found this session.
        Ok(self.shared.check_revocation(identity).map_err(refused)?)
    }

    fn keep_alive(&self, session: &SessionHandle, connect: &Connect) {
        let phrases = &self.shared.phrases;
        session.0.keep_alive(KeepAlive {
            send_every: connect.heartbeat.send_every,
            filler: phrases.heartbeat(&self.connection),
            expect_within: connect.heartbeat.expect_within,
            last_words: Some(phrases.silent(&self.connection)),
        });
    }

    /// Who the client is: by a token in its headers, or by one that its HTTP request had, or else whom it is `known` to be.
    async fn identify(
        &mut self,
        headers: Headers,
        (login, passcode): (Option<ByteString>, Option<ByteString>),
        known: Option<Principal>,
    ) -> Result<Identity, Refusal> {
        let early = self.early_token.take();
        let token = self.shared.tokens.token_from(&headers, passcode.as_deref()).map(|token| token.or(early));
        let shown = Shown { token, login, passcode: passcode.map(Into::into), headers, comes_back: false };
        Ok(self.shared.admit(&self.client, shown, known).await?)
    }

    /// A message to [`REFRESH`](super::send::REFRESH): the session goes on with the token that it brings, if that is the
    /// same user's. Without one it would go on for ever, as whom its last token made it.
    pub(super) async fn refresh(&mut self, session: &SessionHandle, headers: Headers) -> Result<(), Refusal> {
        let identity = self.identify(headers, (None, None), None).await?;
        if identity.principal != self.client.principal() {
            let failure = Failure::new(Disconnect::FORBIDDEN, "Forbidden", "The token is another user's.");
            return Err(failure.into());
        }
        if let Some(principal) = identity.principal.clone() {
            self.client.set_principal(principal);
        }
        self.remember(session, &identity)
    }

    /// The session has ended.
    pub(super) async fn leave(&mut self, disconnect: &Disconnect) {
        self.subscriptions.clear();
        self.shared.part(&self.client, self.token_id.as_ref(), disconnect).await;
    }
}

fn refused(error: AuthError) -> Failure {
    Failure::new(error.disconnect(), error.disconnect().reason().to_owned(), format!("{error}."))
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::TooManyFailures(_) => too_many_failures(),
            Denied::Auth(error) => refused(error).into(),
        }
    }
}

fn too_many_failures() -> Refusal {
    let detail = "Too many clients of this address could not show who they are. Try again in a minute.";
    Failure::new(Disconnect::TOO_MANY_FAILURES, "Too many failed attempts", detail).into()
}
