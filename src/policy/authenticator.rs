//! Who a client is: what it shows, who decides, and how a refusal reads.

use crate::model::{Disconnect, Headers, NameError, Principal, Secret, SessionId, Transport};
use bytestring::ByteString;
use futures_util::future::BoxFuture;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a client shows when it connects.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// A token, from wherever it was allowed to be ([`TokenSettings`](super::TokenSettings)).
    pub token: Option<Secret>,
    /// CONNECT's `login` (STOMP 1.2, "CONNECT or STOMP Frame").
    pub login: Option<ByteString>,
    /// CONNECT's `passcode`.
    pub passcode: Option<Secret>,
    /// CONNECT's headers, credentials among them; none for a feed.
    pub headers: Headers,
    /// The session that is to be whoever this is.
    pub session: SessionId,
    /// The transport that opened it.
    pub transport: Transport,
    /// The client's address, as trusted proxies tell it.
    pub remote: IpAddr,
}

/// Who a client was found to be.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its name and claims; none for somebody who may be anonymous.
    pub principal: Option<Principal>,
    /// When this ends by itself: from then on the same credentials would be refused. The session must not live on.
    pub expires_at: Option<SystemTime>,
    /// What a revocation of this one token names (`jti`, RFC 7519, section 4.1.7).
    pub token_id: Option<ByteString>,
}

impl Identity {
    /// Somebody without a name, for ever.
    pub const ANONYMOUS: Self = Self { principal: None, expires_at: None, token_id: None };

    /// When the token was issued (`iat`, RFC 7519, section 4.1.6), if it says so.
    pub fn issued_at(&self) -> Option<SystemTime> {
        let seconds = self.principal.as_ref()?.claim("iat")?.as_f64()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
    }

    /// Whether it has come to its end.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Decides who a client is. One is asked once for each CONNECT, and again when a session brings a new token.
pub trait Authenticator: Send + Sync + 'static {
    /// Who shows these credentials. The future may be dropped at any time.
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>>;

    /// Who shows these credentials, if a secret that nobody can guess says so: a signed token, a key of 128 bits and more.
    ///
    /// It is asked instead of [`authenticate`](Self::authenticate) where too many clients of the address failed to show who
    /// they are: the right secret is let in, whatever wrong ones its neighbours show. Since whoever guesses is not slowed down
    /// here, passwords must not be looked at, nothing may be fetched, and others may be asked only about somebody who is
    /// recognized. Recognizes nobody by default. The future may be dropped at any time.
    fn recognize<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Option<Identity>> {
        let _ = credentials;
        Box::pin(std::future::ready(None))
    }

    /// Gets ready, so that the first client does not wait: an endpoint runs it once, beside serving, and drops it after a
    /// minute. It may fail; then the first client waits. Does nothing by default.
    fn prepare(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        (**self).authenticate(credentials)
    }

    fn recognize<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Option<Identity>> {
        (**self).recognize(credentials)
    }

    fn prepare(&self) -> BoxFuture<'_, ()> {
        (**self).prepare()
    }
}

/// Lets everybody in without a name, whatever they show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

impl Authenticator for Anonymous {
    fn authenticate<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        Box::pin(std::future::ready(Ok(Identity::ANONYMOUS)))
    }

    fn recognize<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Option<Identity>> {
        Box::pin(std::future::ready(Some(Identity::ANONYMOUS)))
    }
}

/// Why a client was refused. The text is for the client; nothing of the token is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthError {
    /// There is no token where one may be.
    NoToken,
    /// The token has more than [`max_bytes`](super::TokenSettings::max_bytes).
    TooLong,
    /// What is there is no JSON Web Token in the compact form (RFC 7515, section 7.1).
    Malformed,
    /// The token demands what is not understood here (`crit`, RFC 7515, section 4.1.11).
    Critical,
    /// The token's `alg` is `none`, unknown, or not one for the key.
    Algorithm,
    /// No key has the token's `kid`.
    UnknownKey,
    /// The signature is not the key's.
    Signature,
    /// The token lacks a claim.
    Missing(&'static str),
    /// A claim is not of the kind that it has to be.
    Invalid(&'static str),
    /// Nobody can be called what the token, or whoever was asked, says.
    Name(NameError),
    /// `exp` is over.
    Expired,
    /// `nbf` is to come.
    NotYetValid,
    /// `iss` is somebody else.
    WrongIssuer,
    /// `aud` is somebody else.
    WrongAudience,
    /// The token, or its user, was revoked.
    Revoked,
    /// The ticket is none that can be used now: unknown, used, or too old.
    Ticket,
    /// Whoever was asked says no, and this is why: no full stop.
    Refused(ByteString),
    /// Keys cannot be had, or whoever is to be asked does not answer. The client may try again.
    Unavailable,
}

impl AuthError {
    /// Whether the same credentials may do later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable | Self::NotYetValid)
    }

    /// Whether it may be a guess, which nobody may make as often as they like. Who shows nothing guesses nothing. Tickets
    /// cannot be guessed; and where a server was restarted, all readers of an address come back with old ones at once.
    pub fn may_be_a_guess(&self) -> bool {
        !self.is_temporary() && !matches!(self, Self::NoToken | Self::Ticket)
    }

    /// How a session ends over it.
    pub fn disconnect(&self) -> Disconnect {
        match self {
            Self::Expired => Disconnect::TOKEN_EXPIRED,
            Self::Revoked => Disconnect::REVOKED,
            Self::Unavailable => Disconnect::AUTHENTICATION_UNAVAILABLE,
            _ => Disconnect::AUTHENTICATION_FAILED,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "there is no token",
            Self::TooLong => "the token is too long",
            Self::Malformed => "the token is malformed",
            Self::Critical => "the token has a critical header that is not understood",
            Self::Algorithm => "the token's algorithm is not accepted",
            Self::UnknownKey => "the token's key is unknown",
            Self::Signature => "the token's signature is wrong",
            Self::Missing(claim) => return write!(f, "the token has no {claim}"),
            Self::Invalid(claim) => return write!(f, "the token's {claim} is malformed"),
            Self::Name(error) => return write!(f, "nobody is meant: {error}"),
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::WrongIssuer => "the token has the wrong issuer",
            Self::WrongAudience => "the token has the wrong audience",
            Self::Revoked => "the token was revoked",
            Self::Ticket => "the ticket is unknown, used, or too old",
            Self::Refused(why) => why,
            Self::Unavailable => "credentials cannot be checked at present",
        })
    }
}

impl std::error::Error for AuthError {}
