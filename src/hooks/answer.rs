//! What the backend answers.

use crate::model::fields;
use bytes::Bytes;
use bytestring::ByteString;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The JSON of an answer with 200; the default where there is no content. Anything that does not say that it is JSON is
/// some other server's page.
pub(super) fn json<T: DeserializeOwned + Default>(answer: &Response<Bytes>) -> Result<T, String> {
    match answer.body().is_empty() {
        true => Ok(T::default()),
        false if !is_json(answer) => Err("the backend's answer does not say that it is JSON".to_owned()),
        false => object(answer.body()).map_err(|error| format!("the backend's answer: {error}")),
    }
}

/// A list would do for any struct of which nothing need be there.
fn object<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let object: Map<String, Value> = serde_json::from_slice(json)?;
    serde_json::from_value(Value::Object(object))
}

/// Why something is refused, for its client: the `detail` of a problem (RFC 9457, section 3.1.4).
pub(super) fn detail(answer: &Response<Bytes>) -> Option<ByteString> {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let problem: Problem = serde_json::from_slice(answer.body()).ok().filter(|_| is_json(answer))?;
    let text = problem.detail.trim().trim_end_matches('.');
    let text = &text[..text.floor_char_boundary(MAX_DETAIL)];
    (!text.is_empty()).then(|| text.replace(char::is_control, " ").into())
}

/// How much of it clients are told, in bytes.
const MAX_DETAIL: usize = 500;

/// A media type of JSON (RFC 6839, section 3.1).
fn is_json(answer: &Response<Bytes>) -> bool {
    let media = fields::media_type(answer.headers());
    media == "application/json" || media.ends_with("+json")
}

/// Whether an answer is a no.
pub(super) fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::CONTENT_TYPE;

    fn answer(content_type: &str, body: &str) -> Response<Bytes> {
        Response::builder().header(CONTENT_TYPE, content_type).body(body.to_owned().into()).unwrap()
    }

    #[test]
    fn only_what_says_that_it_is_json_is_read() {
        let read =
            |content_type, body| json::<Map<String, Value>>(&answer(content_type, body)).map(|object| object.len());
        assert_eq!(read("application/json; charset=utf-8", r#"{"a":1}"#), Ok(1));
        assert_eq!(read("Application/JSON; x=caf\u{e9}", r#"{"a":1}"#), Ok(1));
        assert_eq!(read("text/html", ""), Ok(0));
        assert!(read("text/html", "{}").is_err() && read("application/json", "[]").is_err());
    }

    #[test]
    fn a_problems_detail_is_told_in_one_line_of_bounded_length() {
        let told = |content_type, detail: &str| {
            detail_of(content_type, &serde_json::json!({ "detail": detail }).to_string()).map(|text| text.to_string())
        };
        assert_eq!(told("application/problem+json", " no\nway. ").as_deref(), Some("no way"));
        assert_eq!(told("application/json", &"ä".repeat(1000)).map(|text| text.len()), Some(MAX_DETAIL));
        assert_eq!(told("text/plain", "no"), None);
        assert_eq!(told("application/json", "."), None);
    }

    fn detail_of(content_type: &str, body: &str) -> Option<ByteString> {
        detail(&answer(content_type, body))
    }
}
