//! Tokens as an issuer makes them, held against what a configuration asks of them.

use super::Loaded;
use crate::model::{Claims, Principal, SettingsError, find_claim, visible};
use crate::policy::Rules;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::BTreeSet;

/// The claims of some tokens. Whether these are good is not looked at: an old one says as much of what its issuer puts in.
#[derive(Clone, Default)]
pub struct Samples(Vec<Claims>);

/// How many names of claims a warning repeats.
const MAX_NAMES: usize = 40;

/// How deep names are looked for.
const MAX_DEPTH: usize = 4;

impl Samples {
    /// Reads claims in JSON, one object or a list of them; or tokens, one in a line.
    ///
    /// # Errors
    /// The text says what was expected and repeats nothing of what was there.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        let claims = match serde_json::from_str(text) {
            Ok(Value::Object(claims)) => vec![claims],
            Ok(Value::Array(list)) => list.into_iter().map(object).collect::<Option<_>>().ok_or(EXPECTED)?,
            _ => tokens(text)?,
        };
        match claims.is_empty() {
            true => Err(EXPECTED.to_owned()),
            false => {
                self.0.extend(claims);
                Ok(())
            }
        }
    }

    /// The first claim that a path leads to.
    fn find(&self, path: &str) -> Option<&Value> {
        self.0.iter().find_map(|claims| find_claim(claims, path))
    }

    /// What is said of a claim that none of the tokens has, or that is of no use.
    fn problem(&self, path: &str) -> Option<String> {
        let path_shown = visible(path);
        match self.find(path) {
            None => Some(format!("no token has the claim {path_shown:?}; they have {}", self.names())),
            Some(Value::Object(_)) => Some(format!(
                "the claim {path_shown:?} is an object; a path reaches into it, such as {path_shown}.name"
            )),
            Some(_) => None,
        }
    }

    fn names(&self) -> String {
        let mut names = BTreeSet::new();
        self.0.iter().for_each(|claims| collect("", claims, MAX_DEPTH, &mut names));
        let shown: Vec<_> = names.iter().take(MAX_NAMES).map(|name| visible(name).into_owned()).collect();
        let more = if names.len() > MAX_NAMES { ", and more" } else { "" };
        shown.join(", ") + more
    }
}

const EXPECTED: &str = "expected tokens, one in a line, or claims in JSON";

fn tokens(text: &str) -> Result<Vec<Claims>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line): (usize, &str)| of_token(line).ok_or_else(|| format!("line {}: {EXPECTED}", at + 1));
    lines.map(read).collect()
}

/// The claims of a token in the compact form (RFC 7515, section 7.1).
fn of_token(line: &str) -> Option<Claims> {
    let token = line.split_whitespace().last()?;
    let [_, claims, _] = token.split('.').collect::<Vec<_>>().try_into().ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn object(value: Value) -> Option<Claims> {
    if let Value::Object(claims) = value { Some(claims) } else { None }
}

/// The paths of all that is no object.
fn collect(before: &str, claims: &Claims, depth: usize, names: &mut BTreeSet<String>) {
    for (name, value) in claims {
        match value {
            Value::Object(inner) if depth > 1 => collect(&format!("{before}{name}."), inner, depth - 1, names),
            _ => _ = names.insert(format!("{before}{name}")),
        }
    }
}

impl Loaded {
    /// What this configuration asks of tokens, and none of these has: it would match nobody.
    pub fn unmet(&self, samples: &Samples) -> Result<Vec<SettingsError>, SettingsError> {
        let rules = Rules::new(&self.config.rules)?;
        let of_rules = rules.claims().filter_map(|(rule, claim)| {
            let problem = samples.problem(claim)?;
            Some(SettingsError::new("rules", format!("rule {rule}: {problem}")))
        });
        let shown = self.config.broker.presence.iter().flat_map(|presence| &presence.claims);
        let missing = shown.filter(|claim| samples.find(claim).is_none()).filter_map(|claim| samples.problem(claim));
        let of_presence = missing.map(|problem| SettingsError::new("broker.presence", problem));
        Ok(self.unnamed(samples).into_iter().chain(of_rules).chain(of_presence).collect())
    }

    /// Why the claim that names users names nobody.
    fn unnamed(&self, samples: &Samples) -> Option<SettingsError> {
        let path = &self.config.auth.jwt.principal_claim;
        let problem = match samples.find(path) {
            None => samples.problem(path)?,
            Some(claim) => Principal::of_claim(claim).err()?.to_string(),
        };
        Some(SettingsError::new("auth.jwt.principal_claim", problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Samples, String> {
        let mut samples = Samples::default();
        samples.read(text).map(|()| samples)
    }

    #[test]
    fn samples_are_tokens_or_claims_and_nothing_of_what_is_neither_is_repeated() {
        let token = format!("e30.{}.canary", URL_SAFE_NO_PAD.encode(r#"{"sub":"ada"}"#));
        for (text, count) in [
            (r#"{"sub":"ada"}"#.to_owned(), 1),
            (r#"[{"sub":"ada"},{"sub":"bob"}]"#.to_owned(), 2),
            (format!("{token}\n\nAuthorization: Bearer {token}\n"), 2),
        ] {
            assert_eq!(read(&text).map(|samples| samples.0.len()), Ok(count), "{text}");
        }
        for text in ["", "[]", "[1]", "\"canary\"", "canary", "canary.canary.canary", "e30.Y2FuYXJ5.x"] {
            let error = read(text).err().unwrap();
            assert!(error.contains("expected") && !error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn what_no_token_has_is_told_with_what_they_have() {
        let samples = read(r#"{"sub":"ada","realm_access":{"roles":["a"]},"https://x/y":1}"#).unwrap();
        for known in ["sub", "realm_access.roles", "https://x/y"] {
            assert_eq!(samples.problem(known), None, "{known}");
        }
        let problem = samples.problem("realm_access.role").unwrap();
        let expected = "no token has the claim \"realm_access.role\"; they have https://x/y, realm_access.roles, sub";
        assert_eq!(problem, expected);
        assert!(samples.problem("realm_access").unwrap().contains("is an object"));
    }
}
