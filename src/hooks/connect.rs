//! The hook `connect`: who is this?

use super::caller::{About, Kind, unexpected};
use super::question::{Question, Who, shown};
use super::{EndpointHooks, WhenDown, answer};
use crate::model::{Claims, Principal, Secret};
use crate::policy::{AnonymousPolicy, AuthError, Authenticator, Credentials, Identity};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

/// Asks the backend about whom another lets in.
pub(super) struct AskWho<A> {
    pub(super) hooks: EndpointHooks,
    /// Checks tokens, or lets everybody pass on to the backend.
    pub(super) first: A,
    pub(super) anonymous: AnonymousPolicy,
}

#[derive(Serialize)]
struct Shown<'a> {
    login: Option<&'a str>,
    headers: Map<String, Value>,
    #[serde(flatten)]
    credentials: Option<Forwarded<'a>>,
}

/// What only those get who ask for it by name.
#[derive(Serialize)]
struct Forwarded<'a> {
    token: Option<&'a str>,
    passcode: Option<&'a str>,
}

/// What may be answered with 200. Nothing of it need be there.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Told {
    user: Option<String>,
    claims: Claims,
    expires_in: Option<u64>,
}

enum Verdict {
    Known(Told),
    Refused(Option<ByteString>),
}

/// A hundred years: more than any session, and not more than clocks can hold.
const MAX_SECONDS: u64 = 100 * 365 * 24 * 60 * 60;

impl<A: Authenticator> Authenticator for AskWho<A> {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        Box::pin(async {
            let known = self.first.authenticate(credentials).await?;
            self.complete(credentials, known).await
        })
    }

    /// The backend is asked only about those whom a token names.
    fn recognize<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Option<Identity>> {
        Box::pin(async {
            let known = self.first.recognize(credentials).await.filter(|known| known.principal.is_some())?;
            self.complete(credentials, known).await.ok()
        })
    }

    fn prepare(&self) -> BoxFuture<'_, ()> {
        self.first.prepare()
    }
}

const REFUSED: ByteString = ByteString::from_static("the application refuses the connection");

const NOBODY: ByteString = ByteString::from_static("the application knows nobody by these credentials");

impl<A> AskWho<A> {
    /// What the backend says of somebody of whom so much is known.
    async fn complete(&self, credentials: &Credentials, known: Identity) -> Result<Identity, AuthError> {
        match self.ask(credentials, known.principal.as_ref()).await {
            Some(Verdict::Known(told)) => self.identity(known, told),
            Some(Verdict::Refused(why)) => Err(AuthError::Refused(why.unwrap_or(REFUSED))),
            None if self.may_pass_unasked(&known) => Ok(known),
            None => Err(AuthError::Unavailable),
        }
    }

    /// `None` where the backend does not answer.
    async fn ask(&self, credentials: &Credentials, known: Option<&Principal>) -> Option<Verdict> {
        let Credentials { session, transport, remote, .. } = *credentials;
        let question = Question {
            kind: Kind::Connect,
            who: Who::new(self.hooks.endpoint(), (session, transport, remote), known),
            what: Shown {
                login: credentials.login.as_deref(),
                headers: shown(&credentials.headers),
                credentials: self.hooks.settings().forward_credentials.then(|| Forwarded::of(credentials)),
            },
        };
        let about = About { user: known.map(Principal::name), address: remote, destination: None };
        self.hooks.caller().ask(Kind::Connect, about, &question, |answer| read(answer, known)).await.ok()
    }

    /// Without the backend only those come in whom a token names.
    fn may_pass_unasked(&self, known: &Identity) -> bool {
        self.hooks.settings().when_down == WhenDown::Allow && known.principal.is_some()
    }

    fn identity(&self, known: Identity, told: Told) -> Result<Identity, AuthError> {
        let end = told.expires_in.map(|seconds| SystemTime::now() + Duration::from_secs(seconds.min(MAX_SECONDS)));
        let expires_at = known.expires_at.into_iter().chain(end).min();
        let principal = known.principal.or_else(|| told.user.map(Principal::new));
        let principal = principal.map(|principal| with_more_claims(principal, told.claims));
        match principal.is_some() || self.anonymous == AnonymousPolicy::Allow {
            true => Ok(Identity { principal, expires_at, token_id: known.token_id }),
            false => Err(AuthError::Refused(NOBODY)),
        }
    }
}

impl<'a> Forwarded<'a> {
    fn of(credentials: &'a Credentials) -> Self {
        Self {
            token: credentials.token.as_ref().map(Secret::expose),
            passcode: credentials.passcode.as_ref().map(Secret::expose),
        }
    }
}

/// What a token says stays as it is: its times, among others, decide about revocation.
fn with_more_claims(principal: Principal, more: Claims) -> Principal {
    if more.is_empty() {
        return principal;
    }
    let mut claims = more;
    claims.extend(principal.claims().cloned().unwrap_or_default());
    principal.with_claims(claims)
}

fn read(answer: &Response<Bytes>, known: Option<&Principal>) -> Result<Verdict, String> {
    match answer.status() {
        StatusCode::OK => check(answer::json(answer)?, known).map(Verdict::Known),
        StatusCode::NO_CONTENT => Ok(Verdict::Known(Told::default())),
        status if answer::is_refusal(status) => Ok(Verdict::Refused(answer::detail(answer))),
        status => Err(unexpected(status)),
    }
}

fn check(told: Told, known: Option<&Principal>) -> Result<Told, String> {
    let Some(user) = &told.user else { return Ok(told) };
    Principal::parse(&**user).map_err(|error| format!("the backend names nobody: {error}"))?;
    match known.is_none_or(|known| known.name() == user) {
        true => Ok(told),
        false => Err("the backend names another user than the token".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_backend_adds_claims_and_changes_none_of_a_token() {
        let ada = Principal::new("ada").with_claims(claims(json!({ "iat": 1, "role": "user" })));
        let ada = with_more_claims(ada, claims(json!({ "iat": 2, "role": "admin", "team": "a" })));
        assert_eq!(ada.claims(), Some(&claims(json!({ "iat": 1, "role": "user", "team": "a" }))));
    }

    #[test]
    fn the_backend_names_a_user_whom_somebody_can_be_and_none_but_the_tokens() {
        let ada = Principal::new("ada");
        let told = |user: &str| Told { user: Some(user.to_owned()), ..Told::default() };
        for good in ["ada", &"x".repeat(Principal::MAX_NAME)] {
            assert!(check(told(good), None).is_ok(), "{good}");
        }
        for bad in ["", &"x".repeat(Principal::MAX_NAME + 1), "a\nb", "a\u{1b}b"] {
            assert!(check(told(bad), None).is_err(), "{bad}");
        }
        assert!(check(told("ada"), Some(&ada)).is_ok() && check(told("bob"), Some(&ada)).is_err());
    }
}
