//! What an operator says of tokens.

use super::jwks::RemoteKeys;
use super::keys::{Key, KeySet};
use super::{JwtAuthenticator, Keys};
use crate::http_client::Server;
use crate::model::{Secret, SettingsError};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// JSON Web Tokens (RFC 7519) and the keys that they are checked with: exactly one of `secret`, `secret_file`,
/// `public_key_file`, `jwks_file` and `jwks_url`. Without any, there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwtSettings {
    /// The secret of HS256 (at least 32 bytes), HS384 (48) or HS512 (64): the text's bytes, or behind `base64:` what they
    /// decode to. Default: none.
    pub secret: Option<Secret>,
    /// A file with such a secret; white space around it is ignored. Default: none.
    pub secret_file: Option<PathBuf>,
    /// A PEM file with an RSA, EC (P-256, P-384) or Ed25519 public key. Default: none.
    pub public_key_file: Option<PathBuf>,
    /// A file with a JSON Web Key Set (RFC 7517, section 5). Default: none.
    pub jwks_file: Option<PathBuf>,
    /// Where a JSON Web Key Set is fetched from: `https://...`, or `http://...` on this machine. Default: none.
    pub jwks_url: Option<String>,
    /// Whether `jwks_url` may be `http://` on other machines: for networks in which nobody else can answer. Whoever can
    /// change what comes from there can sign tokens for every user. Default false.
    pub allow_plain_http: bool,
    /// After how long the set of `jwks_url` is fetched again when the next token comes. A key that is not in it is fetched
    /// at once, though at most every 30 s. Default 10 min.
    #[serde(with = "crate::model::duration")]
    pub jwks_refresh: Duration,
    /// A PEM file with a private key, which only `byway token` reads. Default: none.
    pub private_key_file: Option<PathBuf>,
    /// Which `iss` a token must have. Default: none, which `require_issuer` refuses.
    pub issuer: Option<String>,
    /// Which `aud` a token must have among its own. Default: none, which `require_audience` refuses.
    pub audience: Option<String>,
    /// Whether an issuer must be configured. Default true.
    pub require_issuer: bool,
    /// Whether an audience must be configured. Default true.
    pub require_audience: bool,
    /// Which `alg` tokens may have, of those that the key is for. Default: all of those.
    pub algorithms: Vec<Algorithm>,
    /// By how much clocks may differ. A session outlives its token by so much. Default 3 s, at most 10 s.
    #[serde(with = "crate::model::duration")]
    pub leeway: Duration,
    /// The claim that is the user's unique name, or a path to it such as `user.id`: a text of 1 to 256 bytes without control
    /// characters, or a whole number of at most 64 bits. Default `sub`.
    pub principal_claim: String,
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            secret: None,
            secret_file: None,
            public_key_file: None,
            jwks_file: None,
            jwks_url: None,
            allow_plain_http: false,
            jwks_refresh: Duration::from_secs(10 * 60),
            private_key_file: None,
            issuer: None,
            audience: None,
            require_issuer: true,
            require_audience: true,
            algorithms: Vec::new(),
            leeway: Duration::from_secs(3),
            principal_claim: "sub".to_owned(),
        }
    }
}

impl JwtSettings {
    /// Whether tokens can be checked.
    pub fn is_configured(&self) -> bool {
        !self.sources().is_empty()
    }

    /// Reads the keys, and refuses what is weak or cannot be right. Fetches nothing yet.
    pub fn load(&self) -> Result<JwtAuthenticator, SettingsError> {
        self.validate()?;
        Ok(JwtAuthenticator::new(self.clone(), self.keys()?))
    }

    /// The settings that name keys.
    fn sources(&self) -> Vec<&'static str> {
        let named = [
            (self.secret.is_some(), "auth.jwt.secret"),
            (self.secret_file.is_some(), "auth.jwt.secret_file"),
            (self.public_key_file.is_some(), "auth.jwt.public_key_file"),
            (self.jwks_file.is_some(), "auth.jwt.jwks_file"),
            (self.jwks_url.is_some(), "auth.jwt.jwks_url"),
        ];
        named.into_iter().filter(|(is_there, _)| *is_there).map(|(_, key)| key).collect()
    }

    fn validate(&self) -> Result<(), SettingsError> {
        match self.sources().as_slice() {
            [] => return Err(SettingsError::new("auth.jwt", NO_KEY)),
            [_] => {}
            [first, second, ..] => {
                return Err(SettingsError::new(second, format!("expected either this or {first}, not both")));
            }
        }
        let named = |name: &Option<String>| name.as_deref().is_some_and(|name| !name.is_empty());
        ensure(named(&self.issuer) || !self.require_issuer, "auth.jwt.issuer", NO_ISSUER)?;
        ensure(named(&self.audience) || !self.require_audience, "auth.jwt.audience", NO_AUDIENCE)?;
        let plain = self.jwks_url.is_some() || !self.allow_plain_http;
        ensure(plain, "auth.jwt.allow_plain_http", "allows nothing without auth.jwt.jwks_url")?;
        ensure(!self.principal_claim.is_empty(), "auth.jwt.principal_claim", "expected a claim's name, such as sub")?;
        ensure(self.leeway <= MAX_LEEWAY, "auth.jwt.leeway", "expected at most 10s")?;
        let refresh = "expected at least 30s, and at most 30 days";
        ensure((MIN_REFRESH..=MAX_REFRESH).contains(&self.jwks_refresh), "auth.jwt.jwks_refresh", refresh)
    }

    fn keys(&self) -> Result<Keys, SettingsError> {
        if let Some(path) = &self.public_key_file {
            let key = "auth.jwt.public_key_file";
            return Key::from_pem(&read(key, path)?, &self.algorithms).map(Keys::one).map_err(blame(key));
        }
        if let Some(path) = &self.jwks_file {
            let key = "auth.jwt.jwks_file";
            let set = KeySet::from_jwks(&read(key, path)?, &self.algorithms).map_err(blame(key))?;
            return Ok(Keys::Set(set));
        }
        if let Some(url) = &self.jwks_url {
            let key = "auth.jwt.jwks_url";
            let server = self.server(url).map_err(blame(key))?;
            return Ok(Keys::Remote(RemoteKeys::new(server.into(), self.jwks_refresh, self.algorithms.clone())));
        }
        let (key, secret) = self.secret()?;
        Key::from_secret(&secret, &self.algorithms).map(Keys::one).map_err(blame(key))
    }

    fn server(&self, url: &str) -> Result<Server, String> {
        let server = Server::anywhere(url)?;
        match server.is_private() || self.allow_plain_http {
            true => Ok(server),
            false => Err(NOT_PRIVATE.to_owned()),
        }
    }

    /// The secret's bytes, and the setting that has them.
    pub(super) fn secret(&self) -> Result<(&'static str, Vec<u8>), SettingsError> {
        let (key, text) = match (&self.secret, &self.secret_file) {
            (Some(secret), _) => ("auth.jwt.secret", secret.expose().to_owned()),
            (None, Some(path)) => {
                let bytes = read("auth.jwt.secret_file", path)?;
                let text = String::from_utf8(bytes).map_err(|_| blame("auth.jwt.secret_file")(NOT_TEXT.to_owned()))?;
                ("auth.jwt.secret_file", text)
            }
            (None, None) => return Err(SettingsError::new("auth.jwt", NO_KEY)),
        };
        decode_secret(text.trim()).map(|secret| (key, secret)).map_err(blame(key))
    }
}

const MAX_LEEWAY: Duration = Duration::from_secs(10);

const MIN_REFRESH: Duration = Duration::from_secs(30);

const MAX_REFRESH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const NO_KEY: &str = "has no key; expected one of secret, secret_file, public_key_file, jwks_file, jwks_url";

const NOT_PRIVATE: &str =
    "expected https://, or auth.jwt.allow_plain_http: who can change keys on their way can sign tokens";

const NO_ISSUER: &str = "is missing; expected what the tokens have as iss, or require_issuer = false";

const NO_AUDIENCE: &str = "is missing; expected what the tokens have as aud, or require_audience = false";

const NOT_TEXT: &str = "is not text; put \"base64:\" before a secret of bytes";

/// A file of keys is a few kilobytes; anything larger is something else.
const MAX_KEY_FILE: u64 = 1 << 20;

fn decode_secret(text: &str) -> Result<Vec<u8>, String> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    match text.strip_prefix("base64:") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| "expected base64 behind \"base64:\"".to_owned()),
        None => Ok(text.as_bytes().to_vec()),
    }
}

/// A file's content; `key` is the setting that names it.
pub(super) fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, SettingsError> {
    let content = std::fs::metadata(path).and_then(|about| match about.len() <= MAX_KEY_FILE {
        true => std::fs::read(path),
        false => Err(std::io::Error::other("it has more than 1 MiB")),
    });
    content.map_err(|error| SettingsError::new(key, format!("cannot be read: {error}")))
}

/// Turns a problem into one with the setting `key`.
pub(super) fn blame(key: &'static str) -> impl FnOnce(String) -> SettingsError {
    move |problem| SettingsError::new(key, problem)
}

fn ensure(holds: bool, key: &'static str, problem: &str) -> Result<(), SettingsError> {
    if holds { Ok(()) } else { Err(SettingsError::new(key, problem)) }
}
