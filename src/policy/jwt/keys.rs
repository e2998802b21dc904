//! Keys, each with the algorithms that it is for. A key is never asked about another.

use crate::policy::AuthError;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// A key to check signatures with.
#[derive(Debug, Clone)]
pub(super) struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// The keys of one issuer.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// Whether a token's `kid` is looked up; a key that is alone in a file has none.
    by_id: bool,
}

/// How many bytes a secret must have (RFC 7518, section 3.2).
const SECRETS: [(Algorithm, usize); 3] = [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];

/// How many keys of a set are taken.
const MAX_KEYS: usize = 100;

impl Key {
    /// The key of HS256, HS384 and HS512, as far as it is long enough for them. `wanted` are the algorithms that may be
    /// used, all where it is empty.
    pub fn from_secret(secret: &[u8], wanted: &[Algorithm]) -> Result<Self, String> {
        let short = |least: usize| {
            format!("has {} bytes; expected at least {least} (try: openssl rand -base64 {least})", secret.len())
        };
        let demanded = SECRETS.into_iter().filter(|(algorithm, _)| wanted.contains(algorithm));
        let least = demanded.map(|(_, least)| least).max().unwrap_or(SECRETS[0].1);
        if secret.len() < least {
            return Err(short(least));
        }
        let fitting = SECRETS.into_iter().filter(|(_, least)| secret.len() >= *least);
        let algorithms: Vec<_> = fitting.map(|(algorithm, _)| algorithm).collect();
        Self::new(None, &algorithms, wanted, DecodingKey::from_secret(secret))
    }

    /// The public key in a PEM file.
    pub fn from_pem(pem: &[u8], wanted: &[Algorithm]) -> Result<Self, String> {
        if std::str::from_utf8(pem).is_ok_and(|text| text.contains("PRIVATE KEY")) {
            return Err("holds a private key; expected the public one, which is all that checking takes".to_owned());
        }
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| "expected an RSA, EC or Ed25519 public key in PEM".to_owned())?;
        let algorithms = algorithms_of(&key).ok_or("expected an EC key on P-256 or P-384")?;
        Self::new(None, &algorithms, wanted, key)
    }

    /// The key in a JSON Web Key (RFC 7517), or nothing where it is not for checking signatures, or a secret.
    fn from_jwk(jwk: &Jwk, wanted: &[Algorithm]) -> Option<Self> {
        let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let is_on_curve = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) => matches!(key.curve, EllipticCurve::P256 | EllipticCurve::P384),
            AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
            AlgorithmParameters::RSA(_) => true,
            _ => false,
        };
        let key = DecodingKey::from_jwk(jwk).ok().filter(|_| is_for_signatures && is_on_curve)?;
        let mut algorithms = algorithms_of(&key)?;
        if let Some(only) = jwk.common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        Self::new(jwk.common.key_id.clone(), &algorithms, wanted, key).ok()
    }

    fn new(id: Option<String>, of_key: &[Algorithm], wanted: &[Algorithm], key: DecodingKey) -> Result<Self, String> {
        let is_wanted = |algorithm: &Algorithm| wanted.is_empty() || wanted.contains(algorithm);
        let algorithms: Vec<_> = of_key.iter().copied().filter(is_wanted).collect();
        match algorithms.is_empty() {
            true => Err(format!("is for {of_key:?}, and auth.jwt.algorithms has none of them")),
            false => Ok(Self { id, algorithms, key }),
        }
    }

    /// What signatures are checked with.
    pub fn decoding(&self) -> &DecodingKey {
        &self.key
    }

    /// What it may be used for.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }
}

/// What a public key is for: an EC key for the one algorithm of its curve (RFC 7518, section 3.4).
fn algorithms_of(key: &DecodingKey) -> Option<Vec<Algorithm>> {
    match key.family() {
        AlgorithmFamily::Ec => match key.try_get_as_bytes().ok()?.len() {
            65 => Some(vec![Algorithm::ES256]),
            97 => Some(vec![Algorithm::ES384]),
            _ => None,
        },
        family => Some(family.algorithms().to_vec()),
    }
}

/// A JSON Web Key Set. A key that is not understood must not spoil the others (RFC 7517, section 5).
#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// The only key.
    pub fn one(key: Key) -> Self {
        Self { keys: vec![key], by_id: false }
    }

    /// The public keys of a JSON Web Key Set; at least one.
    pub fn from_jwks(json: &[u8], wanted: &[Algorithm]) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_slice(json).map_err(|_| "expected a JSON Web Key Set".to_owned())?;
        let understood = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let keys: Vec<_> = understood.filter_map(|key| Key::from_jwk(&key, wanted)).take(MAX_KEYS).collect();
        match keys.is_empty() {
            true => Err("has no public key that tokens can be checked with".to_owned()),
            false => Ok(Self { keys, by_id: true }),
        }
    }

    /// The key for a token's `kid` and `alg`. Without a `kid`, only one key may be for the algorithm.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Key, AuthError> {
        let is_named = |key: &&Key| !self.by_id || id.is_none() || key.id.as_deref() == id;
        let mut named = self.keys.iter().filter(is_named).peekable();
        if named.peek().is_none() {
            return Err(AuthError::UnknownKey);
        }
        let mut fitting = named.filter(|key| key.algorithms.contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(AuthError::Algorithm),
            (Some(_), Some(_)) if id.is_none() => Err(AuthError::UnknownKey),
            (Some(key), _) => Ok(key),
        }
    }
}
