use crate::process::{Folder, run};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use byway::policy::JwtSettings;
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};
use std::time::SystemTime;

const SECRET: &str = "a secret of thirty-two bytes, just";
const NAMES: &str = "issuer = \"me\"\naudience = \"here\"\n";

fn with(jwt: &str) -> Folder {
    Folder::new().with("byway.toml", &format!("[auth.jwt]\n{NAMES}{jwt}"))
}

fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64");
    serde_json::from_slice(&claims).expect("JSON")
}

#[tokio::test]
async fn a_token_is_printed_alone_and_is_good() {
    let folder = with(&format!("secret = \"{SECRET}\""));
    let arguments = ["token", "--subject", "ada", "--claim", "roles=admin", "--claim", "groups=[\"a\"]", "--ttl", "2h"];
    let (code, out, err) = run(&folder, &arguments, &[]);
    assert_eq!((code, err.as_str(), out.lines().count()), (0, "", 1));
    let token = out.trim();
    let said = claims(token);
    assert_eq!((&said["roles"], &said["groups"], &said["sub"]), (&json!("admin"), &json!(["a"]), &json!("ada")));
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 7200);
    let (issuer, audience) = (Some("me".to_owned()), Some("here".to_owned()));
    let settings = JwtSettings { secret: Some(SECRET.into()), issuer, audience, ..JwtSettings::default() };
    let identity = settings.load().unwrap().verify(token, SystemTime::now()).await.expect("a good token");
    assert_eq!(identity.principal.expect("a name").name(), "ada");
}

#[test]
fn a_private_key_signs_and_a_public_one_does_not() {
    let pair = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let (public, private) = (pair.public_key_pem(), pair.serialize_pem());
    let files = |jwt: &str| with(jwt).with("public.pem", &public).with("private.pem", &private);
    let arguments = ["token", "--subject", "ada"];
    let both = files("public_key_file = \"public.pem\"\nprivate_key_file = \"private.pem\"");
    assert_eq!(run(&both, &arguments, &[]).0, 0);
    let (code, out, err) = run(&files("public_key_file = \"public.pem\""), &arguments, &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("byway: auth.jwt.private_key_file: is missing; expected a private key"), "{err}");
}

#[test]
fn a_claim_that_is_said_twice_or_is_none_is_refused() {
    let folder = with(&format!("secret = \"{SECRET}\""));
    for claim in ["iss=x", "sub=x", "exp=1", "roles", "a=1"] {
        let arguments = ["token", "--subject", "ada", "--claim", "a=1", "--claim", claim];
        let (code, out, err) = run(&folder, &arguments, &[]);
        assert!(code == 1 && out.is_empty() && err.starts_with("byway: --claim "), "{claim}: {err}");
    }
}

#[test]
fn a_secret_is_shown_neither_by_check_nor_by_errors() {
    let arguments = ["check", "--verbose"];
    let files = [
        format!("secret = \"{SECRET}\""),
        format!("secrett = \"{SECRET}\""),
        "secret = \"short secret\"".to_owned(),
        format!("secret = [\"{SECRET}\"]"),
        format!("secret = \"{SECRET}"),
        format!("secret = \"{SECRET}\" \"{SECRET}\""),
    ];
    for file in files {
        let (code, out, err) = run(&with(&file), &arguments, &[]);
        assert!(!format!("{out}{err}").contains("secret of") && !err.contains("short secret"), "{out}{err}");
        assert!(code == 0 || err.contains("auth") || err.contains("byway.toml"), "{err}");
    }
    let variables = [("BYWAY_AUTH__JWT__SECRET", "[12345678901234567890]")];
    let (_, out, err) = run(&with(""), &arguments, &variables);
    assert!(!format!("{out}{err}").contains("1234567890") && err.contains("BYWAY_AUTH__JWT__SECRET"), "{err}");
}

#[test]
fn a_token_is_somebody_s() {
    let (code, out, err) = run(&with(&format!("secret = \"{SECRET}\"")), &["token", "--subject", ""], &[]);
    assert!(code == 2 && out.is_empty() && err.contains("--subject"), "{err}");
}
