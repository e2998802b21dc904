//! Signatures of what is sent, as Standard Webhooks 1.0 has them, so that every language has a library that checks them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Signs with one secret, or with each of several while it is changed.
pub(super) struct Signer(Vec<hmac::Key>);

/// The shortest secret in bytes: as long as what HMAC-SHA-256 makes of it (RFC 2104, section 3).
const MIN_SECRET: usize = 32;

/// How many secrets sign: the one that is going, the one that is coming, and room for a third.
const MAX_SECRETS: usize = 3;

impl Signer {
    /// Each line is a secret: its bytes, or behind `whsec_` or `base64:` what they decode to.
    pub(super) fn new(secrets: &str) -> Result<Self, String> {
        let lines: Vec<_> = secrets.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match lines.len() {
            0 => Err(format!("is empty; expected at least {MIN_SECRET} bytes")),
            1..=MAX_SECRETS => Ok(Self(lines.into_iter().map(key).collect::<Result<_, _>>()?)),
            many => Err(format!("has {many} secrets; expected at most {MAX_SECRETS}, a line each")),
        }
    }

    /// The value of `webhook-signature`: of the message with this id, sent at `timestamp` (seconds since 1970). With
    /// several secrets there is a signature by each, and a space between them (Standard Webhooks, "Signature scheme").
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp}.");
        let signatures = self.0.iter().map(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(head.as_bytes());
            context.update(body);
            format!("v1,{}", STANDARD.encode(context.sign()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn key(secret: &str) -> Result<hmac::Key, String> {
    let encoded = ["whsec_", "base64:"].into_iter().find_map(|prefix| secret.strip_prefix(prefix));
    let bytes = match encoded {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| NO_BASE64.to_owned())?,
        None => secret.as_bytes().to_vec(),
    };
    match bytes.len() {
        MIN_SECRET.. => Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
        short => Err(format!("has {short} bytes; expected at least {MIN_SECRET}")),
    }
}

const NO_BASE64: &str = "expected base64 behind \"whsec_\" or \"base64:\"";

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's hmac and base64 make of the same.
    #[test]
    fn a_message_is_signed_as_standard_webhooks_has_it() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA=").unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, EXPECTED);
    }

    const EXPECTED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_same_secret_can_be_written_in_three_ways() {
        let text = "0123456789abcdef0123456789abcdef";
        let encoded = STANDARD.encode(text);
        let sign = |secret: &str| Signer::new(secret).unwrap().sign("a", 1, b"b");
        assert_eq!(sign(text), sign(&format!("whsec_{encoded}")));
        assert_eq!(sign(text), sign(&format!("base64:{encoded}")));
        assert_ne!(sign(text), sign(&text.to_uppercase()));
    }

    #[test]
    fn while_a_secret_is_changed_there_is_a_signature_by_each() {
        let (old, new) = ("an old secret of at least 32 bytes", "a new secret, which is as long as 32");
        let sign = |secrets: &str| Signer::new(secrets).unwrap().sign("a", 1, b"b");
        assert_eq!(sign(&format!("{old}\n\n {new}\r\n")), format!("{} {}", sign(old), sign(new)));
        assert!(Signer::new(&[old; MAX_SECRETS + 1].join("\n")).is_err());
        assert!(Signer::new(&format!("{old}\nshort")).is_err());
    }

    #[test]
    fn a_short_secret_is_refused_and_not_repeated() {
        for short in ["", "canary", "whsec_Y2FuYXJ5", "base64:canary!", &"x".repeat(MIN_SECRET - 1)] {
            let problem = Signer::new(short).unwrap_err();
            assert!(!problem.contains("canary") && problem.contains("expected"), "{problem}");
        }
    }
}
