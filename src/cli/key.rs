//! `byway key`

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use byway::server::KeyHash;
use std::io::Write;
use std::process::ExitCode;

/// Prints a new key, and the hash by which a server knows it.
pub fn key() -> Result<ExitCode, String> {
    let key = new_key()?;
    let text = format!("key   {key}\nhash  {}\n", KeyHash::of(&key));
    // Nobody reads a closed pipe: nothing to report.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(ExitCode::SUCCESS)
}

/// 256 random bits, behind a word by which scanners for leaked secrets can know it.
fn new_key() -> Result<String, String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("cannot draw a random number: {error}"))?;
    Ok(format!("byway_{}", URL_SAFE_NO_PAD.encode(bytes)))
}
