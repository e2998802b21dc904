//! What is claimed of somebody: found by its name or its path, and compared.

use serde_json::{Map, Value};
use std::borrow::Cow;

/// What a token says of a principal.
pub type Claims = Map<String, Value>;

/// The claim of this name, or the one that a path of names with dots between them leads to: `realm_access.roles`.
///
/// At each step the longest name that there is counts, so a claim whose own name has dots, such as
/// `https://example.com/roles`, is found by it.
pub fn find_claim<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| {
        let dots = path.rmatch_indices('.').map(|(dot, _)| dot);
        dots.filter_map(|dot| find_claim(claims.get(&path[..dot])?.as_object()?, &path[dot + 1..])).next()
    })
}

/// Whether a claim is this text, or a list or a text of words (as in `scope`) that has it. Numbers and booleans are
/// compared by their JSON text.
pub fn claim_has(claim: &Value, text: &str) -> bool {
    match claim {
        Value::String(words) => words == text || words.split(' ').any(|word| word == text),
        Value::Array(values) => values.iter().any(|value| claim_text(value).is_some_and(|value| value == text)),
        scalar => claim_text(scalar).is_some_and(|scalar| scalar == text),
    }
}

/// A text as it is, a number or a boolean by its JSON text (RFC 8259, sections 3 and 6); nothing else has one.
fn claim_text(claim: &Value) -> Option<Cow<'_, str>> {
    match claim {
        Value::String(text) => Some(text.into()),
        Value::Bool(_) | Value::Number(_) => Some(claim.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The texts that can stand for a claim in a name: of each in a list, else its own. A number that is not whole, or has more
/// than 64 bits, has many spellings (1.0, 1e0), and so none.
pub fn claim_names(claim: &Value) -> impl Iterator<Item = Cow<'_, str>> {
    let values = claim.as_array().map_or(std::slice::from_ref(claim), Vec::as_slice);
    values.iter().filter(|value| !value.is_f64()).filter_map(claim_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_claim_is_found_by_its_whole_name_before_any_path() {
        let claims = claims(json!({
            "realm_access": { "roles": ["a"], "x.y": { "z": 1 } },
            "realm_access.roles": ["b"],
            "https://example.com/roles": ["c"],
            "https://example.com/app": { "roles": ["d"] },
            "sub": "ada",
        }));
        for (path, found) in [
            ("realm_access.roles", Some(json!(["b"]))),
            ("realm_access.x.y.z", Some(json!(1))),
            ("https://example.com/roles", Some(json!(["c"]))),
            ("https://example.com/app.roles", Some(json!(["d"]))),
            ("sub", Some(json!("ada"))),
            ("sub.roles", None),
            ("realm_access.", None),
            (".roles", None),
            ("", None),
        ] {
            assert_eq!(find_claim(&claims, path), found.as_ref(), "{path}");
        }
    }

    #[test]
    fn a_path_reaches_into_objects() {
        let claims = claims(json!({ "resource_access": { "my.client": { "roles": ["a"] } } }));
        assert_eq!(find_claim(&claims, "resource_access.my.client.roles"), Some(&json!(["a"])));
    }

    #[test]
    fn a_claim_is_compared_by_its_json_text_and_a_list_by_one_of_its_values() {
        for (claim, text) in [
            (json!("admin"), "admin"),
            (json!("read write"), "write"),
            (json!(["a", 4711, true]), "a"),
            (json!(["a", 4711, true]), "4711"),
            (json!(["a", 4711, true]), "true"),
            (json!(4711), "4711"),
            (json!(-1), "-1"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(1.5), "1.5"),
            (json!(false), "false"),
        ] {
            assert!(claim_has(&claim, text), "{claim} {text}");
        }
        for (claim, text) in [
            (json!("admin"), "adm"),
            (json!(["a b"]), "a"),
            (json!(4711), "4711.0"),
            (json!(true), "1"),
            (json!(null), "null"),
            (json!({}), "{}"),
            (json!([["a"]]), "a"),
        ] {
            assert!(!claim_has(&claim, text), "{claim} {text}");
        }
    }

    #[test]
    fn what_can_be_spelled_in_many_ways_names_nothing() {
        let claim = json!(["a", 7, true, 1.0, 1e300, null, {}, ["b"]]);
        assert_eq!(claim_names(&claim).collect::<Vec<_>>(), ["a", "7", "true"]);
        assert_eq!(claim_names(&json!(7)).collect::<Vec<_>>(), ["7"]);
        assert_eq!(claim_names(&json!({})).count(), 0);
    }
}
