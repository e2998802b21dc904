//! Where in a JSON text an error is, in words that a client's author understands.

use std::fmt::Write;

/// One container that is open, and where in it we are.
enum Level<'a> {
    Object(&'a [u8]),
    Array(usize),
}

/// The path of the value that ends at this place, such as `lines[2].text`; empty at the root, or where `line` is 0,
/// which is to say unknown. Line and column are serde_json's: they count from 1, and bytes.
///
/// It reads what a parser has read before, so what it sees is JSON as far as it looks.
pub(super) fn path_at(json: &[u8], line: usize, column: usize) -> String {
    let begin = match line {
        0 => return String::new(),
        1 => 0,
        line => json.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(line - 2).map_or(0, |(at, _)| at + 1),
    };
    let read = &json[..(begin + column).min(json.len())];
    render(&levels(read))
}

fn levels(json: &[u8]) -> Vec<Level<'_>> {
    let (mut levels, mut text, mut at) = (Vec::new(), &json[..0], 0);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let len = string_len(&json[at..]);
                text = &json[at..at + len];
                at += len + 1;
            }
            b'{' => levels.push(Level::Object(b"")),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' => drop(levels.pop()),
            b':' | b',' => step(levels.last_mut(), *byte, text),
            _ => {}
        }
    }
    levels
}

/// Goes on to the value of the key `text`, or to the next one.
fn step<'a>(level: Option<&mut Level<'a>>, byte: u8, text: &'a [u8]) {
    match (level, byte) {
        (Some(Level::Object(key)), b':') => *key = text,
        (Some(Level::Object(key)), _) => *key = b"",
        (Some(Level::Array(index)), _) => *index += 1,
        (None, _) => {}
    }
}

/// How much of `rest` is in the string that it begins in.
fn string_len(rest: &[u8]) -> usize {
    let mut escaped = false;
    let end = rest.iter().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => *byte == b'"',
    });
    end.unwrap_or(rest.len())
}

fn render(levels: &[Level<'_>]) -> String {
    let mut path = String::new();
    for level in levels {
        // Writing to a String cannot fail.
        let _ = match level {
            Level::Object(b"") => Ok(()),
            Level::Object(key) if path.is_empty() => path.write_str(&String::from_utf8_lossy(key)),
            Level::Object(key) => write!(path, ".{}", String::from_utf8_lossy(key)),
            Level::Array(index) => write!(path, "[{index}]"),
        };
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Line {
        text: String,
        count: u8,
    }

    fn path_of<T: DeserializeOwned>(json: &str) -> String {
        let error = serde_json::from_str::<T>(json).err().unwrap();
        path_at(json.as_bytes(), error.line(), error.column())
    }

    #[test]
    fn a_path_leads_to_the_value_that_is_wrong() {
        for (json, path) in [
            (r#"{"lines":[{"text":5,"count":1}]}"#, "lines[0].text"),
            (r#"{"lines":[{"text":"a","count":1},{"text":"b","count":"x"}]}"#, "lines[1].count"),
            (r#"{"lines":[{"text":"]}\"","count":300}]}"#, "lines[0].count"),
            (r#"{"lines":[{"text":{},"count":1}]}"#, "lines[0].text"),
            (r#"{"lines":[{"text":[1],"count":1}]}"#, "lines[0].text"),
            (r#"{"lines":[{"text":null,"count":1}]}"#, "lines[0].text"),
            ("{\n  \"lines\": [\n    {\"count\": 1,\n     \"text\": true}]}", "lines[0].text"),
            (r#"{"lines":[{"text":"a"}]}"#, "lines[0]"),
            (r#"{"lines":[{"text":"a","count":1,"more":2}]}"#, "lines[0]"),
            (r#"{"lines":"none"}"#, "lines"),
            (r#"{}"#, ""),
            (r#"[]"#, ""),
            (r#"5"#, ""),
        ] {
            assert_eq!(path_of::<Order>(json), path, "{json}");
        }
        assert_eq!(path_of::<Vec<Vec<u8>>>("[[1],[2,\n\n-3]]"), "[1][1]");
    }

    #[test]
    fn an_unknown_place_has_no_path() {
        assert_eq!(path_at(b"{\"a\":5}", 0, 0), "");
    }
}
