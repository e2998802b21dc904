//! P2 to P4: what foreign pages can make a browser send, and what an answer can make a browser run.

use super::http::{find, get, post, request};
use super::target::{Target, unique};
use byway::Message;
use byway::protocol::sockjs::{Envelope, frame};
use byway::session::{Form, Outgoing};
use proptest::prelude::*;

/// A form or `fetch(..., {mode: "no-cors"})` needs no preflight; the cookies come along.
#[tokio::test]
async fn p2_a_foreign_page_cannot_post_into_a_session() {
    let target = Target::start().await;
    let session = unique("victim");
    assert_eq!(target.answer(post(&format!("/e/000/{session}/xhr"), "")).await.text(), "o\n");
    for origin in ["https://evil.com", "null", "http://x:1", "https://x"] {
        for (transport, content_type, body) in [
            ("xhr_send", "text/plain", "[\"evil\"]"),
            ("xhr_send", "application/x-www-form-urlencoded", "[\"evil\"]"),
            ("xhr_send", "multipart/form-data; boundary=x", "[\"evil\"]"),
            ("jsonp_send", "application/x-www-form-urlencoded", "d=%5B%22evil%22%5D"),
            ("jsonp_send", "text/plain", "[\"evil\"]"),
        ] {
            let headers = format!("Origin: {origin}\r\nCookie: JSESSIONID=victim\r\nContent-Type: {content_type}");
            let path = format!("/e/000/{session}/{transport}");
            let length = body.len();
            let bytes =
                format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\nContent-Length: {length}\r\n\r\n{body}");
            assert_eq!(target.answer(bytes).await.status, 403, "{origin} {transport} {content_type}");
        }
    }
    assert_eq!(target.server.byway.stats().traffic.messages_in, 0);
    assert_eq!(target.answer(post(&format!("/e/000/{session}/xhr_send"), "[\"own\"]")).await.status, 204);
    assert_eq!(target.answer(post(&format!("/e/000/{session}/xhr"), "")).await.text(), "a[\"own\"]\n");
    target.survives().await;
}

/// A script tag and an iframe send no Origin, so what is foreign is known from Sec-Fetch-Site, and which page it is from
/// Referer. jsonp is on by default (docs/sockjs.md), bound to the same policy as all others.
#[tokio::test]
async fn p2_script_tags_and_iframes_of_foreign_pages_open_no_session() {
    let target = Target::with(|_, settings| settings.origins.allowed = vec!["https://good.com".into()]).await;
    for (headers, status) in [
        ("Sec-Fetch-Site: cross-site\r\nReferer: https://evil.com/page\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nReferer: https://evil.com/?https://good.com\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nReferer: https://good.com@evil.com/\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nReferer: https://good.com.evil.com/\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nReferer: nonsense\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\nReferer: http://other.x/\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nOrigin: null\r\nReferer: https://good.com/\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\nReferer: https://good.com/page\r\n", 200),
        ("Sec-Fetch-Site: same-origin\r\nReferer: http://x/page\r\n", 200),
        ("Sec-Fetch-Site: none\r\n", 200),
        ("", 200),
    ] {
        for transport in ["jsonp?c=x", "htmlfile?c=x"] {
            let path = format!("/e/000/{}/{transport}", unique("tag"));
            let mut wire = target.connect().await;
            wire.send(request("GET", &path, headers)).await;
            let head = wire.until("\r\n\r\n").await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{transport} {headers:?}: {head}");
        }
    }
    assert_eq!(target.opened(), 8);
    target.survives().await;
}

/// SockJS takes callbacks of up to 32 characters (docs/sockjs.md), where the matrix would allow 64.
#[tokio::test]
async fn p3_a_callback_that_could_be_script_is_500_and_opens_no_session() {
    let target = Target::start().await;
    let missing = "\"callback\" parameter required";
    let invalid = "invalid \"callback\" parameter";
    for (query, reason) in [
        ("", missing),
        ("c", missing),
        ("c=", missing),
        ("callback=", missing),
        ("C=x", missing),
        ("c=alert(1)", invalid),
        ("c=a(", invalid),
        ("c=%3Cscript%3E", invalid),
        ("c=a%0Ab", invalid),
        ("c=a%0D%0Ab", invalid),
        ("c=a%00b", invalid),
        ("c=a%20b", invalid),
        ("c=a+b", invalid),
        ("c=a;b", invalid),
        ("c=a%2Fb", invalid),
        ("c=a%5B0%5D", invalid),
        ("c=%E2%80%A8", invalid),
        ("c=%C3%A9", invalid),
        ("c=%FF", invalid),
        ("c=a'b", invalid),
        ("c=a%22b", invalid),
        ("c=%60x%60", invalid),
        ("c=$x", invalid),
        ("c=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", invalid),
        ("callback=(x)", invalid),
        ("c=(x)&callback=fine", invalid),
    ] {
        for transport in ["jsonp", "htmlfile"] {
            let answer = target.answer(get(&format!("/e/000/{}/{transport}?{query}", unique("callback")))).await;
            assert_eq!((answer.status, answer.text()), (500, reason), "{transport} {query}");
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        }
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[tokio::test]
async fn p3_answers_that_a_browser_runs_are_marked_as_what_they_are() {
    let target = Target::start().await;
    for callback in ["x", "_jp.a1b2c3", "a-b", &"x".repeat(32)] {
        let answer = target.answer(get(&format!("/e/000/{}/jsonp?c={callback}", unique("jsonp")))).await;
        assert_eq!(answer.text(), format!("/**/{callback}(\"o\");\r\n"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("application/javascript; charset=UTF-8"));

        let mut wire = target.connect().await;
        wire.send(get(&format!("/e/000/{}/htmlfile?c={callback}", unique("html")))).await;
        let head = wire.until("\r\n\r\n").await;
        assert!(head.contains("x-content-type-options: nosniff\r\n"), "{head}");
        assert!(head.contains("content-security-policy: default-src 'none'; script-src 'unsafe-inline'\r\n"), "{head}");
        let page = wire.until("p(\"o\");\n</script>\r\n").await;
        assert!(page.contains(&format!("parent.{callback};")), "{page}");
    }
    target.survives().await;
}

/// Text that has broken, or might break, an event stream, a script or a line.
const NASTY: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\0",
    "\u{2028}",
    "\u{2029}",
    "\u{85}",
    "\u{feff}",
    "</script>",
    "<!--",
    "-->",
    "<script>",
    "data: x",
    "\ndata: x",
    "\r\nevent: x\r\nid: y\r\n",
    ":",
    "%",
    "%25",
    "%0a",
    "\\",
    "\"",
    "'",
    "\\u000a",
    "\u{7f}",
    "\u{200b}",
    "\u{fffe}",
    "\u{1f600}",
    "]",
    "\"]\n\na[\"",
    "</SCRIPT >",
    "*/",
    "`${x}`",
    "\");\n",
    "",
];

fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(NASTY).prop_map(str::to_owned);
    let piece = prop_oneof![nasty, "\\PC{0,4}", any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn p4_one_message_in_is_one_event_out_whatever_it_holds(text in text()) {
        let message = Outgoing::new(Message::text(text.as_str()));
        let stream = utf8(message.wire(Form::EventSource));
        prop_assert_eq!(events(&format!("\r\n{stream}")).iter().map(|event| messages(&decode_uri(event))).collect::<Vec<_>>(), [[text.as_str()]]);
        prop_assert_eq!(scripts(utf8(message.wire(Form::HtmlFile))).iter().map(|call| messages(call)).collect::<Vec<_>>(), [[text.as_str()]]);
        let jsonp = Envelope::Jsonp { callback: "_jp.a".into() }.wrap(&frame::array([message.item()]));
        prop_assert_eq!(messages(&call(utf8(&jsonp), "/**/_jp.a(", ");\r\n")), [text.as_str()]);
        let xhr = utf8(message.wire(Form::Xhr));
        prop_assert_eq!(xhr.find('\n'), Some(xhr.len() - 1));
        prop_assert_eq!(messages(xhr.trim_end_matches('\n')), [text.as_str()]);
    }

    #[test]
    fn p4_one_closing_in_is_one_event_out_whatever_its_reason(reason in text()) {
        let close = frame::close(3000, &reason);
        let closing = |frame: &str| serde_json::from_str::<(u16, String)>(&frame[1..]).expect("a code and a reason");
        let expected = (3000, reason);
        let stream = events(&format!("\r\n{}", utf8(&Envelope::EventSource.wrap(&close))));
        prop_assert_eq!(stream.iter().map(|event| closing(&decode_uri(event))).collect::<Vec<_>>(), [expected.clone()]);
        let page = scripts(utf8(&Envelope::HtmlFile.wrap(&close)));
        prop_assert_eq!(page.iter().map(|call| closing(call)).collect::<Vec<_>>(), [expected]);
    }
}

/// The same over the wire: every transport delivers as many messages as were sent, and what they were.
#[tokio::test]
async fn p4_one_message_in_is_one_event_out_over_the_wire() {
    let target = Target::start().await;
    let session = unique("nasty");
    let mut wire = target.connect().await;
    wire.send(get(&format!("/e/000/{session}/eventsource"))).await;
    wire.until("data: o\r\n\r\n").await;
    let body = serde_json::to_string(NASTY).expect("strings");
    assert_eq!(target.answer(post(&format!("/e/000/{session}/xhr_send"), &body)).await.status, 204);
    let last = post(&format!("/e/000/{session}/xhr_send"), "[\"the last\"]");
    assert_eq!(target.answer(last).await.status, 204);
    let stream = wire.until("the last\"]\r\n\r\n").await;
    assert_eq!(find(stream.as_bytes(), b"\0"), None);
    // Each event is a chunk of its own; the sizes stand on lines that are no field, which a parser skips.
    let received: Vec<_> = events(&stream).iter().flat_map(|event| messages(&decode_uri(event))).collect();
    assert_eq!(received, [NASTY, &["the last"]].concat());
    target.survives().await;
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// The messages of an `a[...]` frame.
fn messages(frame: &str) -> Vec<String> {
    assert!(frame.starts_with("a["), "{frame:?}");
    serde_json::from_str(&frame[1..]).unwrap_or_else(|error| panic!("{error}: {frame:?}"))
}

/// An event stream's data, event by event, as the HTML standard reads it (section 9.2.6).
fn events(stream: &str) -> Vec<String> {
    let lines = stream.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let mut data = String::new();
    for line in lines.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() && !data.is_empty() => {
                data.pop();
                events.push(std::mem::take(&mut data));
            }
            "data" => data.extend([value, "\n"]),
            "event" | "id" | "retry" => panic!("a field got in: {line:?}"),
            _ => {}
        }
    }
    events
}

/// JavaScript's `decodeURI`, which sockjs-client runs over an event's data and which throws at a bare `%`. The server
/// escapes nothing but `%` itself.
fn decode_uri(data: &str) -> String {
    let mut parts = data.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        decoded.push('%');
        decoded.push_str(part.strip_prefix("25").expect("every % is escaped"));
    }
    decoded
}

/// The arguments of `p(...)` in a page's scripts. A script ends at the first `</script`, whatever stands around it, and
/// `<!--` would hide the end (HTML standard, section 13.2.5.4).
fn scripts(mut page: &str) -> Vec<String> {
    let mut calls = Vec::new();
    while let Some(start) = page.find("<script>") {
        let after = &page[start + "<script>".len()..];
        let end = after.to_ascii_lowercase().find("</script").expect("scripts end");
        let script = &after[..end];
        assert!(!script.contains('<'), "{script:?}");
        calls.push(call(script, "\np(", ");\n"));
        page = after[end..].strip_prefix("</script>\r\n").expect("nothing but the end of the line");
    }
    assert_eq!(page, "");
    calls
}

/// The one string literal between `before` and `after`, as JavaScript reads it.
fn call(script: &str, before: &str, after: &str) -> String {
    let literal = script.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).expect("one call");
    // Before ES2019 a string literal could not hold these, though JSON always could.
    assert!(!literal.contains(['\n', '\r', '\u{2028}', '\u{2029}', '\0']), "{literal:?}");
    serde_json::from_str(literal).expect("a string literal")
}
