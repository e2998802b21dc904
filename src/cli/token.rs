//! `byway token`

use super::arguments::TokenArguments;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use byway::model::Claims;
use byway::policy::{JwtSettings, Minter};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Prints a token, and nothing else.
pub fn token(settings: &JwtSettings, arguments: &TokenArguments) -> Result<ExitCode, String> {
    if settings.is_configured() {
        settings.load().map_err(|error| error.to_string())?;
    }
    let minter = Minter::new(settings).map_err(|error| error.to_string())?;
    let token = minter.mint(claims(arguments, &settings.principal_claim)?)?;
    // Nobody reads a closed pipe: nothing to report.
    writeln!(std::io::stdout(), "{}", token.expose()).ok();
    Ok(ExitCode::SUCCESS)
}

fn claims(arguments: &TokenArguments, principal_claim: &str) -> Result<Claims, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "the clock is before 1970")?;
    let subject = Value::from(arguments.subject.as_str());
    let mut claims = Claims::from_iter([
        ("sub".to_owned(), subject.clone()),
        (principal_claim.to_owned(), subject),
        ("iat".to_owned(), now.as_secs().into()),
        ("exp".to_owned(), now.saturating_add(arguments.ttl).as_secs().into()),
        ("jti".to_owned(), token_id()?.into()),
    ]);
    for claim in &arguments.claims {
        let (name, value) = parse(claim)?;
        if OF_THE_CONFIGURATION.contains(&name) || claims.contains_key(name) {
            return Err(format!(
                "--claim {name}: is said already, by the configuration, --subject, --ttl or another --claim"
            ));
        }
        claims.insert(name.to_owned(), value);
    }
    Ok(claims)
}

/// Claims that [`Minter`] adds.
const OF_THE_CONFIGURATION: [&str; 2] = ["iss", "aud"];

fn parse(claim: &str) -> Result<(&str, Value), String> {
    let (name, value) = claim.split_once('=').ok_or_else(|| format!("--claim {claim}: expected NAME=VALUE"))?;
    Ok((name, serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

/// What a revocation can name.
fn token_id() -> Result<String, String> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| format!("cannot draw a random number: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(id))
}
