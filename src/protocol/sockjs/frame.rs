//! The four frames of SockJS, as text: `o`, `h`, `a[...]`, `c[...]`.

use super::escape::push_json_string;

/// The first frame of a session.
pub const OPEN: &str = "o";

/// Keeps proxies and clients from giving the connection up.
pub const HEARTBEAT: &str = "h";

/// `text` as an item of an `a` frame: a quoted and escaped JSON string.
pub fn item(text: &str) -> String {
    let mut out = String::new();
    push_json_string(&mut out, text);
    out
}

/// `a[...]` around items that are already quoted and escaped.
pub fn array<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::from("a[");
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(item);
    }
    out.push(']');
    out
}

/// `a["text"]`: most frames carry one message, which is escaped right into its place.
pub fn array_of_one(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 6);
    out.push_str("a[");
    push_json_string(&mut out, text);
    out.push(']');
    out
}

/// `c[code,"reason"]`: the session is over.
pub fn close(code: u16, reason: &str) -> String {
    let mut out = format!("c[{code},");
    push_json_string(&mut out, reason);
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_no_spaces() {
        assert_eq!(array([item("m1").as_str(), item("m2").as_str()]), r#"a["m1","m2"]"#);
        assert_eq!(array_of_one("m1"), r#"a["m1"]"#);
        assert_eq!(close(3000, "Go away!"), r#"c[3000,"Go away!"]"#);
    }
}
