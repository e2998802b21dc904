//! Tokens for trying things out: `byway token`.

use super::choose_cryptography;
use super::keys::Key;
use super::settings::{JwtSettings, blame, read};
use crate::model::{Claims, Secret, SettingsError};
use jsonwebtoken::{Algorithm, EncodingKey, Header};

/// Signs tokens with the configured secret, or the configured private key.
#[derive(Debug)]
pub struct Minter {
    key: EncodingKey,
    algorithm: Algorithm,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Minter {
    /// Takes `private_key_file`, or else the secret. With neither it refuses: what checks tokens cannot make them.
    pub fn new(settings: &JwtSettings) -> Result<Self, SettingsError> {
        choose_cryptography();
        let (key, algorithms) = match &settings.private_key_file {
            Some(path) => private_key(&read(PRIVATE_KEY, path)?).map_err(blame(PRIVATE_KEY))?,
            None if settings.secret.is_some() || settings.secret_file.is_some() => of_secret(settings)?,
            None => return Err(SettingsError::new(PRIVATE_KEY, NOTHING_TO_SIGN_WITH)),
        };
        let is_wanted =
            |algorithm: &Algorithm| settings.algorithms.is_empty() || settings.algorithms.contains(algorithm);
        // An EC key signs for its own curve alone; trying is how to learn which that is.
        let signs =
            |algorithm: &Algorithm| jsonwebtoken::encode(&Header::new(*algorithm), &Claims::new(), &key).is_ok();
        let algorithm = algorithms.into_iter().find(|algorithm| is_wanted(algorithm) && signs(algorithm));
        let algorithm = algorithm.ok_or_else(|| SettingsError::new("auth.jwt.algorithms", "has none for this key"))?;
        Ok(Self { key, algorithm, issuer: settings.issuer.clone(), audience: settings.audience.clone() })
    }

    /// A token with these claims, and with the configured `iss` and `aud`.
    pub fn mint(&self, mut claims: Claims) -> Result<Secret, String> {
        for (name, value) in [("iss", &self.issuer), ("aud", &self.audience)] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value.as_str().into());
            }
        }
        let token = jsonwebtoken::encode(&Header::new(self.algorithm), &claims, &self.key);
        token.map(Secret::from).map_err(|_| "the key cannot sign".to_owned())
    }
}

const PRIVATE_KEY: &str = "auth.jwt.private_key_file";

const NOTHING_TO_SIGN_WITH: &str =
    "is missing; expected a private key here, or a secret: what only checks tokens cannot sign them";

fn of_secret(settings: &JwtSettings) -> Result<(EncodingKey, Vec<Algorithm>), SettingsError> {
    let (name, secret) = settings.secret()?;
    let key = Key::from_secret(&secret, &settings.algorithms).map_err(blame(name))?;
    Ok((EncodingKey::from_secret(&secret), key.algorithms().to_vec()))
}

fn private_key(pem: &[u8]) -> Result<(EncodingKey, Vec<Algorithm>), String> {
    let rsa = || Some((EncodingKey::from_rsa_pem(pem).ok()?, vec![Algorithm::RS256, Algorithm::PS256]));
    let ec = || Some((EncodingKey::from_ec_pem(pem).ok()?, vec![Algorithm::ES256, Algorithm::ES384]));
    let ed = || Some((EncodingKey::from_ed_pem(pem).ok()?, vec![Algorithm::EdDSA]));
    let is_private = std::str::from_utf8(pem).is_ok_and(|text| text.contains("PRIVATE KEY"));
    let key = if is_private { rsa().or_else(ec).or_else(ed) } else { None };
    key.ok_or_else(|| "expected an RSA, EC (PKCS #8) or Ed25519 private key in PEM".to_owned())
}
