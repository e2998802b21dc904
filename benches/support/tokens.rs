//! Endpoints that let nobody in without a token, and the tokens that they take.

use super::client::{self, Kind};
use super::server;
use byway::model::Claims;
use byway::policy::{AuthSettings, JwtSettings, Minter, RateSettings};
use byway::{Byway, Secret, Stomp};
use poem::Route;
use poem::endpoint::make_sync;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How a token is signed; the endpoint that takes it has the same name.
pub const SIGNATURES: [&str; 3] = ["hs256", "rs256", "es256"];

/// `/hs256` and so on, and `/token/hs256`, where a token for it is.
pub fn routes() -> io::Result<Route> {
    SIGNATURES.into_iter().try_fold(Route::new(), |routes, signature| {
        let jwt = JwtSettings { require_issuer: false, require_audience: false, ..keys(signature)? };
        let token = mint(&jwt).map_err(io::Error::other)?;
        let auth = AuthSettings { jwt, ..AuthSettings::default() };
        let stomp = Stomp::new().rates(RateSettings::unlimited()).auth(&auth).map_err(io::Error::other)?;
        let (byway, _) = Byway::stomp(server::settings(), stomp).map_err(io::Error::other)?;
        [&auth.jwt.public_key_file, &auth.jwt.private_key_file].into_iter().flatten().try_for_each(fs::remove_file)?;
        let at_token = make_sync(move |_| token.expose().to_owned());
        Ok(routes.nest(format!("/{signature}"), byway.endpoint()).at(format!("/token/{signature}"), at_token))
    })
}

fn keys(signature: &str) -> io::Result<JwtSettings> {
    let pair = match signature {
        "rs256" => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        "es256" => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        _ => return Ok(JwtSettings { secret: Some(Secret::from("x".repeat(32))), ..JwtSettings::default() }),
    };
    let pair = pair.map_err(io::Error::other)?;
    Ok(JwtSettings {
        public_key_file: Some(file(signature, "public", &pair.public_key_pem())?),
        private_key_file: Some(file(signature, "private", &pair.serialize_pem())?),
        ..JwtSettings::default()
    })
}

fn file(signature: &str, part: &str, content: &str) -> io::Result<PathBuf> {
    let name = format!("byway-bench-{}-{signature}-{part}.pem", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, content)?;
    Ok(path)
}

/// A token for an hour.
fn mint(settings: &JwtSettings) -> Result<Secret, String> {
    let end = SystemTime::now() + Duration::from_secs(3600);
    let end = end.duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs();
    let claims = Claims::from_iter([("sub".to_owned(), "bench".into()), ("exp".to_owned(), end.into())]);
    Minter::new(settings).map_err(|error| error.to_string())?.mint(claims)
}

/// Asks a server for a token.
pub fn fetch(port: u16, signature: &str) -> io::Result<String> {
    let mut stream = client::open(port, "", Kind::Bare, 0)?;
    write!(stream, "GET /token/{signature} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let answer = io::read_to_string(stream)?;
    let token = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    token.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
