//! What a token has to say (RFC 7519, section 4.1).

use super::JwtSettings;
use crate::model::{Claims, Principal, find_claim};
use crate::policy::{AuthError, Identity};
use bytestring::ByteString;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// The end of the year 9999: what every clock and calendar can still hold.
const MAX_SECONDS: f64 = 253_402_300_800.0;

/// Who is meant by the claims of a token whose signature is right.
pub(super) fn check(claims: Claims, settings: &JwtSettings, now: SystemTime) -> Result<Identity, AuthError> {
    let expires_at = time(&claims, "exp")?.ok_or(AuthError::Missing("exp"))? + settings.leeway;
    if expires_at <= now {
        return Err(AuthError::Expired);
    }
    time(&claims, "iat")?;
    if time(&claims, "nbf")?.is_some_and(|begin| begin > now + settings.leeway) {
        return Err(AuthError::NotYetValid);
    }
    issuer(&claims, settings)?;
    audience(&claims, settings)?;
    let principal = principal(&claims, &settings.principal_claim)?;
    let token_id = token_id(&claims)?;
    Ok(Identity { principal: Some(principal.with_claims(claims)), expires_at: Some(expires_at), token_id })
}

/// A number of seconds since 1970 (RFC 7519, section 2, "NumericDate"). A text is none, nor is anything before.
fn time(claims: &Claims, name: &'static str) -> Result<Option<SystemTime>, AuthError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..MAX_SECONDS).contains(seconds));
    let seconds = seconds.ok_or(AuthError::Invalid(name))?;
    Ok(Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)))
}

fn issuer(claims: &Claims, settings: &JwtSettings) -> Result<(), AuthError> {
    let Some(wanted) = &settings.issuer else { return Ok(()) };
    match claims.get("iss") {
        None => Err(AuthError::Missing("iss")),
        Some(Value::String(issuer)) if issuer == wanted => Ok(()),
        Some(Value::String(_)) => Err(AuthError::WrongIssuer),
        Some(_) => Err(AuthError::Invalid("iss")),
    }
}

/// A text, or a list that has it.
fn audience(claims: &Claims, settings: &JwtSettings) -> Result<(), AuthError> {
    let Some(wanted) = &settings.audience else { return Ok(()) };
    let is_met = match claims.get("aud") {
        None => return Err(AuthError::Missing("aud")),
        Some(Value::String(audience)) => audience == wanted,
        Some(Value::Array(audiences)) if audiences.iter().all(Value::is_string) => {
            audiences.iter().any(|audience| audience == wanted)
        }
        Some(_) => return Err(AuthError::Invalid("aud")),
    };
    if is_met { Ok(()) } else { Err(AuthError::WrongAudience) }
}

fn principal(claims: &Claims, path: &str) -> Result<Principal, AuthError> {
    // Errors have names that are known beforehand, and nothing of the token.
    let label = if path == "sub" { "sub" } else { "name" };
    let claim = find_claim(claims, path).ok_or(AuthError::Missing(label))?;
    Principal::of_claim(claim).map_err(AuthError::Name)
}

/// A text that can stand in a log and in a header, as a name has to.
fn token_id(claims: &Claims) -> Result<Option<ByteString>, AuthError> {
    let Some(id) = claims.get("jti") else { return Ok(None) };
    let id = id.as_str().and_then(|id| Principal::parse(id).ok()).ok_or(AuthError::Invalid("jti"))?;
    Ok(Some(id.as_text().clone()))
}
