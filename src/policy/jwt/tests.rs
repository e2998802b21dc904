//! Generated tokens: what is taken, and what is refused as what.

use super::*;
use crate::model::{NameError, Secret, SettingsError};
use crate::policy::testing::{TempFile, at, showing};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header as JwtHeader};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use std::time::Duration;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The time of all these tests, in seconds since 1970.
const NOW: u64 = 1_700_000_000;

fn settings() -> JwtSettings {
    JwtSettings { issuer: Some("issuer".into()), audience: Some("here".into()), ..JwtSettings::default() }
}

fn with_secret() -> JwtSettings {
    JwtSettings { secret: Some(SECRET.into()), ..settings() }
}

/// Claims that are in order.
fn claims() -> Value {
    json!({"iss": "issuer", "aud": "here", "sub": "ada", "exp": NOW + 60, "iat": NOW, "jti": "t1", "role": "admin"})
}

/// The claims with one changed, or without it where the value is null.
fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    map.remove(name);
    if !value.is_null() {
        map.insert(name.to_owned(), value);
    }
    claims
}

fn sign(algorithm: Algorithm, claims: &Value, key: &EncodingKey) -> String {
    jsonwebtoken::encode(&JwtHeader::new(algorithm), claims, key).unwrap()
}

/// A token whose header and claims are these texts, whatever they are.
fn raw(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn with_header(header: &str) -> String {
    raw(header, &claims().to_string())
}

fn with_claims(claims: &Value) -> String {
    sign(Algorithm::HS256, claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

async fn verify(settings: &JwtSettings, token: &str) -> Result<Identity, AuthError> {
    settings.load().unwrap().verify(token, at(NOW)).await
}

#[track_caller]
fn refused(settings: &JwtSettings, tokens: &[(&str, String, AuthError)]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (what, token, error) in tokens {
        let answer = runtime.block_on(verify(settings, token)).map(|identity| identity.principal);
        assert_eq!(answer, Err(error.clone()), "{what}");
    }
}

/// A key pair: what checks, what signs, and with what.
struct Pair {
    public: TempFile,
    private: TempFile,
    signing: EncodingKey,
    algorithms: &'static [Algorithm],
}

fn pairs() -> [Pair; 4] {
    use Algorithm::*;
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let [p256, p384, ed] = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519]
        .map(|algorithm| KeyPair::generate_for(algorithm).unwrap());
    let rsa_key = EncodingKey::from_rsa_pem(rsa.serialize_pem().as_bytes()).unwrap();
    let ec_key = |pair: &KeyPair| EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    let ed_key = EncodingKey::from_ed_pem(ed.serialize_pem().as_bytes()).unwrap();
    let (p256_key, p384_key) = (ec_key(&p256), ec_key(&p384));
    [
        (rsa, rsa_key, [RS256, RS384, RS512, PS256, PS384, PS512].as_slice()),
        (p256, p256_key, &[ES256]),
        (p384, p384_key, &[ES384]),
        (ed, ed_key, &[EdDSA]),
    ]
    .map(|(pair, signing, algorithms)| Pair {
        public: TempFile::new(&pair.public_key_pem()),
        private: TempFile::new(&pair.serialize_pem()),
        signing,
        algorithms,
    })
}

impl Pair {
    fn settings(&self) -> JwtSettings {
        JwtSettings { public_key_file: Some(self.public.0.clone()), ..settings() }
    }

    fn jwk(&self, id: &str) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.signing, self.algorithms[0]).unwrap();
        jwk.common.key_id = Some(id.to_owned());
        jwk.common.key_algorithm = None;
        serde_json::to_value(jwk).unwrap()
    }
}

#[tokio::test]
async fn a_good_token_says_who_it_is_with_all_claims_its_end_and_its_id() {
    let identity = verify(&with_secret(), &with_claims(&claims())).await.unwrap();
    let principal = identity.principal.as_ref().unwrap();
    assert_eq!((principal.name(), principal.has("role", "admin")), ("ada", true));
    assert_eq!((identity.expires_at, identity.token_id.as_deref()), (Some(at(NOW + 63)), Some("t1")));
    assert_eq!(identity.issued_at(), Some(at(NOW)));
    assert!(identity.is_expired(at(NOW + 63)) && !identity.is_expired(at(NOW + 62)));
}

#[tokio::test]
async fn every_algorithm_of_a_key_is_taken() {
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = sign(algorithm, &claims(), &EncodingKey::from_secret(SECRET.as_bytes()));
        assert!(verify(&with_secret(), &token).await.is_ok(), "{algorithm:?}");
    }
    for pair in pairs() {
        for algorithm in pair.algorithms {
            let token = sign(*algorithm, &claims(), &pair.signing);
            assert!(verify(&pair.settings(), &token).await.is_ok(), "{algorithm:?}");
        }
    }
}

#[test]
fn j1_a_token_without_a_signature_is_refused_however_it_says_so() {
    for none in ["none", "None", "NONE", "nOnE", "", "HS1", "RSA-OAEP"] {
        let header = json!({"alg": none, "typ": "JWT"}).to_string();
        let signed = with_header(&header);
        let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
        refused(&with_secret(), &[(none, signed, AuthError::Algorithm), (none, unsigned, AuthError::Algorithm)]);
    }
    let good = with_claims(&claims());
    let dot = good.rfind('.').unwrap();
    let cut = [("no signature", dot + 1), ("half of one", dot + 21)];
    refused(&with_secret(), &cut.map(|(what, end)| (what, good[..end].to_owned(), AuthError::Signature)));
}

#[test]
fn j1_a_key_is_for_its_own_family_and_curve_alone() {
    let pairs = pairs();
    for pair in &pairs {
        let secret = EncodingKey::from_secret(&std::fs::read(&pair.public.0).unwrap());
        let confused = sign(Algorithm::HS256, &claims(), &secret);
        refused(&pair.settings(), &[("HS256 with the public key for a secret", confused, AuthError::Algorithm)]);
        let foreign = pairs.iter().filter(|other| other.algorithms != pair.algorithms);
        for other in foreign {
            let token = sign(other.algorithms[0], &claims(), &other.signing);
            refused(&pair.settings(), &[("another family", token.clone(), AuthError::Algorithm)]);
            refused(&with_secret(), &[("a public key's for a secret", token, AuthError::Algorithm)]);
        }
    }
}

#[test]
fn j1_only_the_configured_algorithms_are_taken() {
    let settings = JwtSettings { algorithms: vec![Algorithm::HS512], ..with_secret() };
    refused(&settings, &[("HS256", with_claims(&claims()), AuthError::Algorithm)]);
}

#[test]
fn j1_a_critical_header_is_refused_and_keys_in_a_token_are_ignored() {
    let attacker = EncodingKey::from_secret(b"attacker's");
    let jwk = serde_json::to_value(Jwk::from_encoding_key(&attacker, Algorithm::HS256).unwrap()).unwrap();
    for (name, value) in [("jku", json!("http://127.0.0.1:1/")), ("x5u", json!("http://127.0.0.1:1/")), ("jwk", jwk)] {
        let header = json!({"alg": "HS256", name: value}).to_string();
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(claims().to_string()));
        let forged = jsonwebtoken::crypto::sign(message.as_bytes(), &attacker, Algorithm::HS256).unwrap();
        refused(&with_secret(), &[(name, format!("{message}.{forged}"), AuthError::Signature)]);
    }
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!("x")] {
        let header = json!({"alg": "HS256", "crit": crit, "b64": false}).to_string();
        refused(&with_secret(), &[("crit", with_header(&header), AuthError::Critical)]);
    }
}

#[test]
fn j1_what_is_no_token_is_refused() {
    let good = with_claims(&claims());
    let malformed = [
        ("nothing", String::new()),
        ("one part", "abc".to_owned()),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{good}.x")),
        ("five parts, as an encrypted one has", "a.b.c.d.e".to_owned()),
        ("junk", "\u{0}.\u{ff}.é".to_owned()),
        ("a header that is no object", with_header("[]")),
        ("a header twice", with_header(r#"{"alg":"HS256","alg":"none"}"#)),
        ("a key id that is no text", with_header(r#"{"alg":"HS256","kid":{}}"#)),
        ("claims that are no object", raw(r#"{"alg":"HS256"}"#, "[1]")),
        ("claims that are no JSON", raw(r#"{"alg":"HS256"}"#, "{")),
        ("claims that are deep", raw(r#"{"alg":"HS256"}"#, &"[".repeat(5000))),
    ];
    let malformed = malformed.map(|(what, token)| (what, token, AuthError::Malformed));
    refused(&with_secret(), &malformed);
    refused(&with_secret(), &[("8 KiB", "x".repeat(TokenSettings::default().max_bytes + 1), AuthError::TooLong)]);
}

#[test]
fn j2_exp_aud_iss_and_sub_must_be_there() {
    let missing = ["exp", "aud", "iss", "sub"];
    refused(
        &with_secret(),
        &missing.map(|name| (name, with_claims(&but(name, Value::Null)), AuthError::Missing(name))),
    );
}

#[test]
fn j2_times_are_numbers_of_seconds_after_1970_and_before_10000() {
    for name in ["exp", "nbf", "iat"] {
        for wrong in
            [json!("1800000000"), json!(-1), json!(-0.5), json!(1e300), json!(253_402_300_800_u64), json!(true)]
        {
            refused(&with_secret(), &[("time", with_claims(&but(name, wrong)), AuthError::Invalid(name))]);
        }
        let huge = claims().to_string().replacen('{', &format!("{{\"{name}\":1e400,"), 1);
        refused(&with_secret(), &[("1e400", raw(r#"{"alg":"HS256"}"#, &huge), AuthError::Malformed)]);
    }
    let null = claims().to_string().replace(&format!("\"exp\":{}", NOW + 60), "\"exp\":null");
    refused(&with_secret(), &[("null", raw(r#"{"alg":"HS256"}"#, &null), AuthError::Invalid("exp"))]);
}

#[test]
fn j2_other_claims_have_their_kinds() {
    let long = "x".repeat(257);
    let wrong = [
        ("iss", json!(["issuer"]), AuthError::Invalid("iss")),
        ("iss", json!("other"), AuthError::WrongIssuer),
        ("aud", json!("other"), AuthError::WrongAudience),
        ("aud", json!([]), AuthError::WrongAudience),
        ("aud", json!(["there", "elsewhere"]), AuthError::WrongAudience),
        ("aud", json!(["here", 1]), AuthError::Invalid("aud")),
        ("aud", json!({"here": true}), AuthError::Invalid("aud")),
        ("sub", json!(""), AuthError::Name(NameError::Empty)),
        ("sub", json!(1.5), AuthError::Name(NameError::Kind)),
        ("sub", json!(true), AuthError::Name(NameError::Kind)),
        ("sub", json!("a\r\nb"), AuthError::Name(NameError::Control('\r'))),
        ("sub", json!(long), AuthError::Name(NameError::TooLong(257))),
        ("jti", json!(1), AuthError::Invalid("jti")),
    ];
    refused(&with_secret(), &wrong.map(|(name, value, error)| (name, with_claims(&but(name, value)), error)));
}

#[tokio::test]
async fn j2_the_audience_may_be_one_of_several() {
    assert!(verify(&with_secret(), &with_claims(&but("aud", json!(["there", "here"])))).await.is_ok());
}

#[tokio::test]
async fn j2_clocks_may_differ_by_the_leeway_and_no_more() {
    let verify = async |name: &str, time: f64| {
        let claims = but(name, json!(time));
        verify(&with_secret(), &with_claims(&claims)).await.map(|_| ())
    };
    let now = NOW as f64;
    assert_eq!(verify("exp", now - 2.9).await, Ok(()));
    assert_eq!(verify("exp", now - 3.0).await, Err(AuthError::Expired));
    assert_eq!(verify("nbf", now + 3.0).await, Ok(()));
    assert_eq!(verify("nbf", now + 3.1).await, Err(AuthError::NotYetValid));
}

#[tokio::test]
async fn another_claim_can_be_the_name() {
    let settings = JwtSettings { principal_claim: "email".into(), ..with_secret() };
    let mut claims = but("sub", Value::Null);
    claims["email"] = json!("ada@example.com");
    let identity = verify(&settings, &with_claims(&claims)).await.unwrap();
    assert_eq!(identity.principal.unwrap().name(), "ada@example.com");
    claims.as_object_mut().unwrap().remove("email");
    assert_eq!(verify(&settings, &with_claims(&claims)).await.err(), Some(AuthError::Missing("name")));
}

#[tokio::test]
async fn a_number_a_claim_below_another_or_one_named_by_a_url_can_be_the_name() {
    for (path, name, value, expected) in [
        ("uid", "uid", json!(4711), "4711"),
        ("user.id", "user", json!({ "id": "ada" }), "ada"),
        ("https://example.com/user", "https://example.com/user", json!("ada"), "ada"),
        ("user.id", "user.id", json!("its own name"), "its own name"),
    ] {
        let settings = JwtSettings { principal_claim: path.into(), ..with_secret() };
        let identity = verify(&settings, &with_claims(&but(name, value))).await.unwrap();
        assert_eq!(identity.principal.unwrap().name(), expected, "{path}");
    }
}

#[tokio::test]
async fn j3_a_key_id_is_looked_up_in_memory_and_is_nothing_but_a_name() {
    let [_, pair, ..] = pairs();
    let set = TempFile::new(&json!({"keys": [pair.jwk("good")]}).to_string());
    let settings = JwtSettings { jwks_file: Some(set.0.clone()), ..settings() };
    let token = |id: Option<&str>| {
        let header = JwtHeader { kid: id.map(str::to_owned), ..JwtHeader::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims(), &pair.signing).unwrap()
    };
    assert!(verify(&settings, &token(Some("good"))).await.is_ok());
    assert!(verify(&settings, &token(None)).await.is_ok(), "there is only one");
    for id in ["../../../../dev/null", "x' OR '1'='1", "", "GOOD", "good ", "/etc/passwd", &"x".repeat(5000)] {
        assert_eq!(verify(&settings, &token(Some(id))).await.err(), Some(AuthError::UnknownKey), "{id}");
    }
    let huge = token(Some(&"x".repeat(10 * 1024)));
    assert_eq!(verify(&settings, &huge).await.err(), Some(AuthError::TooLong));
}

#[test]
fn a_key_set_has_public_signature_keys_and_leaves_out_the_rest() {
    let [rsa, p256, ..] = pairs();
    let load = |keys: Value| {
        let file = TempFile::new(&json!({"keys": keys}).to_string());
        JwtSettings { jwks_file: Some(file.0.clone()), ..settings() }.load().map(|_| ())
    };
    let changed = |name: &str, value: Value| {
        let mut jwk = p256.jwk("a");
        jwk[name] = value;
        jwk
    };
    let secret = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET), "kid": "s"});
    for useless in
        [secret, changed("use", json!("enc")), changed("alg", json!("ES384")), changed("kty", json!("XX")), json!(1)]
    {
        assert!(load(json!([useless])).is_err(), "{useless}");
        assert!(load(json!([useless, rsa.jwk("r")])).is_ok(), "{useless} spoils the others");
    }
    assert!(load(json!([])).is_err());
}

#[tokio::test]
async fn an_ed25519_key_of_a_set_checks_what_it_signed() {
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key_raw())});
    let file = TempFile::new(&json!({"keys": [jwk]}).to_string());
    let settings = JwtSettings { jwks_file: Some(file.0.clone()), ..settings() };
    let signing = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap();
    assert!(verify(&settings, &sign(Algorithm::EdDSA, &claims(), &signing)).await.is_ok());
}

fn problem(settings: JwtSettings) -> (&'static str, String) {
    let SettingsError { key, problem } = settings.load().unwrap_err();
    (key, problem)
}

#[test]
fn o7_a_short_secret_is_refused() {
    let with = |len: usize, algorithms: &[Algorithm]| JwtSettings {
        secret: Some(Secret::from("x".repeat(len))),
        algorithms: algorithms.to_vec(),
        ..settings()
    };
    for (algorithm, least) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
        assert!(with(least, &[algorithm]).load().is_ok());
        let (key, problem) = problem(with(least - 1, &[algorithm]));
        assert_eq!(key, "auth.jwt.secret");
        assert!(problem.contains(&format!("expected at least {least}")), "{problem}");
    }
    assert!(with(31, &[]).load().is_err());
    let token = sign(Algorithm::HS512, &claims(), &EncodingKey::from_secret("x".repeat(32).as_bytes()));
    refused(&with(32, &[]), &[("HS512 with a secret for HS256", token, AuthError::Algorithm)]);
}

#[tokio::test]
async fn a_secret_can_be_in_a_file_and_in_base64() {
    use base64::engine::general_purpose::STANDARD;
    let encoded = format!("base64:{}", STANDARD.encode(SECRET));
    for content in [format!("{SECRET}\n"), format!("{encoded}\n")] {
        let file = TempFile::new(&content);
        let settings = JwtSettings { secret_file: Some(file.0.clone()), ..settings() };
        assert!(verify(&settings, &with_claims(&claims())).await.is_ok(), "{content}");
    }
    let settings = JwtSettings { secret: Some(Secret::from(encoded)), ..settings() };
    assert!(verify(&settings, &with_claims(&claims())).await.is_ok());
}

#[test]
fn settings_that_cannot_be_right_are_refused_with_their_key() {
    let [pair, ..] = pairs();
    let file = |content: &str| TempFile::new(content);
    let (junk, missing) = (file("junk"), std::path::PathBuf::from("/no/such/file"));
    let private = Some(pair.private.0.clone());
    for (key, wrong) in [
        ("auth.jwt", settings()),
        ("auth.jwt.secret_file", JwtSettings { secret_file: Some(missing.clone()), ..with_secret() }),
        ("auth.jwt.secret_file", JwtSettings { secret_file: Some(missing), ..settings() }),
        ("auth.jwt.issuer", JwtSettings { issuer: None, ..with_secret() }),
        ("auth.jwt.audience", JwtSettings { audience: Some(String::new()), ..with_secret() }),
        ("auth.jwt.leeway", JwtSettings { leeway: Duration::from_secs(11), ..with_secret() }),
        ("auth.jwt.jwks_refresh", JwtSettings { jwks_refresh: Duration::ZERO, ..with_secret() }),
        ("auth.jwt.principal_claim", JwtSettings { principal_claim: String::new(), ..with_secret() }),
        ("auth.jwt.secret", JwtSettings { algorithms: vec![Algorithm::RS256], ..with_secret() }),
        ("auth.jwt.public_key_file", JwtSettings { public_key_file: Some(junk.0.clone()), ..settings() }),
        ("auth.jwt.public_key_file", JwtSettings { public_key_file: private, ..settings() }),
        ("auth.jwt.jwks_file", JwtSettings { jwks_file: Some(junk.0.clone()), ..settings() }),
        ("auth.jwt.jwks_url", JwtSettings { jwks_url: Some("http://example.com/".into()), ..settings() }),
    ] {
        assert_eq!(problem(wrong).0, key);
    }
}

#[tokio::test]
async fn what_is_minted_is_taken() {
    let mint = |settings: &JwtSettings| {
        let claims = json!({"sub": "ada", "exp": NOW + 60}).as_object().unwrap().clone();
        Minter::new(settings).unwrap().mint(claims).unwrap()
    };
    assert!(verify(&with_secret(), mint(&with_secret()).expose()).await.is_ok());
    for pair in pairs() {
        let settings = JwtSettings { private_key_file: Some(pair.private.0.clone()), ..pair.settings() };
        assert!(verify(&settings, mint(&settings).expose()).await.is_ok(), "{:?}", pair.algorithms);
        assert_eq!(Minter::new(&pair.settings()).unwrap_err().key, "auth.jwt.private_key_file");
    }
}

#[tokio::test]
async fn j7_nothing_shows_a_token_or_a_secret() {
    let canary = "canary".repeat(10);
    let settings = JwtSettings { secret: Some(Secret::from(canary.clone())), ..settings() };
    let token = sign(Algorithm::HS256, &but("canary", json!("canary")), &EncodingKey::from_secret(canary.as_bytes()));
    let credentials = showing(Some(&token), Some("canary"));
    let authenticator = settings.load().unwrap();
    let identity = authenticator.verify(&token, at(NOW)).await;
    let stranger = with_secret().load().unwrap().verify(&token, at(NOW)).await;
    let short = JwtSettings { secret: Some(Secret::from("canary")), ..settings.clone() }.load();
    let minter = Minter::new(&settings).unwrap();
    let minted = minter.mint(claims().as_object().unwrap().clone());
    let shown = [
        format!("{settings:?}"),
        serde_json::to_string(&settings).unwrap(),
        format!("{authenticator:?}"),
        format!("{credentials:?}"),
        format!("{identity:?}"),
        format!("{stranger:?} {}", stranger.as_ref().unwrap_err()),
        format!("{short:?} {}", short.as_ref().unwrap_err()),
        format!("{minter:?} {minted:?}"),
    ];
    for text in shown {
        assert!(!text.contains("canary") && !text.contains(&token[..20]), "{text}");
    }
}
