//! JSON Web Tokens (RFC 7519): which are good, and whose they are.
//!
//! The key decides which algorithms a token may name, never the token (RFC 8725, section 3.1). Keys come from the
//! configuration alone: `jku`, `x5u` and `jwk` in a token are ignored, and `kid` is looked up in memory.

mod claims;
mod fetch;
mod jwks;
mod keys;
mod mint;
mod settings;

pub use mint::Minter;
pub use settings::JwtSettings;

use super::{AuthError, Authenticator, Credentials, Identity, TokenSettings};
use crate::model::{Claims, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, Validation};
use jwks::RemoteKeys;
use keys::{Key, KeySet};
use serde::Deserialize;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// Checks tokens. Make one with [`JwtSettings::load`].
#[derive(Debug)]
pub struct JwtAuthenticator {
    settings: JwtSettings,
    keys: Keys,
    max_token_bytes: usize,
}

/// Where keys are.
#[derive(Debug)]
enum Keys {
    /// Here.
    Set(KeySet),
    /// Behind a URL, and a copy here.
    Remote(Arc<RemoteKeys>),
}

impl Keys {
    fn one(key: Key) -> Self {
        Self::Set(KeySet::one(key))
    }
}

impl JwtAuthenticator {
    fn new(settings: JwtSettings, keys: Keys) -> Self {
        choose_cryptography();
        Self { settings, keys, max_token_bytes: TokenSettings::default().max_bytes }
    }

    /// The same for tokens of at most so many bytes: [`TokenSettings::max_bytes`].
    #[must_use]
    pub fn with_longest_token(self, max_token_bytes: usize) -> Self {
        Self { max_token_bytes, ..self }
    }

    /// Whose this token is at the time `now`. Waits only where keys have to be fetched.
    pub async fn verify(&self, token: &str, now: SystemTime) -> Result<Identity, AuthError> {
        let header = self.header(token)?;
        let claims = match &self.keys {
            Keys::Set(keys) => header.claims(token, keys)?,
            Keys::Remote(keys) => {
                let id = header.kid.as_deref();
                header.claims(token, &*keys.with(id, header.alg, Instant::now()).await?)?
            }
        };
        claims::check(claims, &self.settings, now)
    }

    /// The same by keys that are here: nothing is fetched.
    fn verify_at_once(&self, token: &str, now: SystemTime) -> Result<Identity, AuthError> {
        let header = self.header(token)?;
        let claims = match &self.keys {
            Keys::Set(keys) => header.claims(token, keys)?,
            Keys::Remote(keys) => header.claims(token, &*keys.here().ok_or(AuthError::Unavailable)?)?,
        };
        claims::check(claims, &self.settings, now)
    }

    fn header(&self, token: &str) -> Result<Header, AuthError> {
        if token.len() > self.max_token_bytes { Err(AuthError::TooLong) } else { Header::of(token) }
    }
}

impl Authenticator for JwtAuthenticator {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        Box::pin(async {
            let token = credentials.token.as_ref().ok_or(AuthError::NoToken)?;
            self.verify(token.expose(), SystemTime::now()).await
        })
    }

    /// A signature costs as much as a connection does, 10 to 100 µs, and nobody can guess one.
    fn recognize<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Option<Identity>> {
        let verify = |token: &Secret| self.verify_at_once(token.expose(), SystemTime::now()).ok();
        Box::pin(std::future::ready(credentials.token.as_ref().and_then(verify)))
    }

    /// Fetches the keys of `jwks_url`. Where that fails, they are fetched when a token comes; the log says why.
    fn prepare(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Keys::Remote(keys) = &self.keys {
                keys.refresh(Instant::now()).await;
            }
        })
    }
}

/// What of a token's header is looked at (RFC 7515, section 4.1).
struct Header {
    alg: Algorithm,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

impl Header {
    fn of(token: &str) -> Result<Self, AuthError> {
        let encoded = token.split('.').next().filter(|_| token.matches('.').count() == 2);
        let json = encoded.and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok()).ok_or(AuthError::Malformed)?;
        let raw: RawHeader = serde_json::from_slice(&json).map_err(|_| AuthError::Malformed)?;
        if raw.crit.is_some() {
            return Err(AuthError::Critical);
        }
        Ok(Self { alg: raw.alg.parse().map_err(|_| AuthError::Algorithm)?, kid: raw.kid })
    }

    /// The claims, if the signature is that of the key. Nothing is said of the claims themselves.
    fn claims(&self, token: &str, keys: &KeySet) -> Result<Claims, AuthError> {
        let key = keys.find(self.kid.as_deref(), self.alg)?;
        let mut signature_alone = Validation::new(self.alg);
        signature_alone.required_spec_claims.clear();
        signature_alone.validate_exp = false;
        signature_alone.validate_aud = false;
        let decoded = jsonwebtoken::decode::<Claims>(token, key.decoding(), &signature_alone);
        decoded.map(|token| token.claims).map_err(|error| refusal(error.kind()))
    }
}

fn refusal(error: &jsonwebtoken::errors::ErrorKind) -> AuthError {
    use jsonwebtoken::errors::ErrorKind;
    match error {
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => AuthError::Algorithm,
        ErrorKind::Json(_) | ErrorKind::Base64(_) | ErrorKind::Utf8(_) | ErrorKind::InvalidToken => {
            AuthError::Malformed
        }
        _ => AuthError::Signature,
    }
}

/// jsonwebtoken asks for its cryptography to be chosen where a program's other parts bring several.
fn choose_cryptography() {
    // Chosen already: by the program, or by an authenticator before this one.
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().ok();
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
