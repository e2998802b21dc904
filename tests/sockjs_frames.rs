//! Any text survives every SockJS wrapping, read back by readers that share no code with the writers.

use bytes::Bytes;
use byway::protocol::sockjs::{Envelope, PayloadError, frame, parse_array, parse_frame};
use proptest::prelude::*;

/// Any characters, those that transports mangle more often than chance has it.
fn text() -> impl Strategy<Value = String> {
    let special =
        ['"', '\\', '<', '/', '%', '\0', '\r', '\n', '\u{7f}', '\u{200c}', '\u{2028}', '\u{feff}', '\u{ffff}', '😀'];
    let character = prop_oneof![prop::sample::select(special.to_vec()), any::<char>(), prop::char::range(' ', '~')];
    prop::collection::vec(character, 0..24).prop_map(String::from_iter)
}

fn array_of(texts: &[String]) -> String {
    let items: Vec<_> = texts.iter().map(|text| frame::item(text)).collect();
    frame::array(items.iter().map(String::as_str))
}

/// `decodeURI` of ECMA-262, section 19.2.6.2, as far as frames need it: `None` is its URIError. Escapes of reserved
/// characters stay as they are.
fn decode_uri(data: &str) -> Option<String> {
    const RESERVED: &[u8] = b";/?:@&=+$,#";
    let (mut out, mut rest) = (Vec::new(), data.as_bytes());
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let byte = u8::from_str_radix(std::str::from_utf8(rest.get(..2)?).ok()?, 16).ok()?;
        match RESERVED.contains(&byte) {
            true => out.push(b'%'),
            false => {
                out.push(byte);
                rest = &rest[2..];
            }
        }
    }
    String::from_utf8(out).ok()
}

/// The string between `before` and `behind`, as a JavaScript engine would read its literal.
fn js_literal(wrapped: &[u8], before: &str, behind: &str) -> String {
    let wrapped = std::str::from_utf8(wrapped).unwrap();
    let literal = wrapped.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind)).unwrap();
    assert!(
        !literal.contains(['\n', '\r', '\u{2028}', '\u{2029}', '<']),
        "the literal ends where it should: {literal}"
    );
    serde_json::from_str(literal).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_texts_come_back_from_an_array(texts in prop::collection::vec(text(), 0..6)) {
        let frame = array_of(&texts);
        let json = frame.strip_prefix('a').unwrap();
        prop_assert_eq!(&serde_json::from_str::<Vec<String>>(json).unwrap(), &texts);
        let read: Vec<_> = parse_array(json.to_owned().into(), usize::MAX).unwrap().collect();
        prop_assert!(read.iter().map(|text| &**text).eq(texts.iter()));
        prop_assert!(!frame.contains(|c: char| c.is_ascii_control() && c != '\u{7f}'), "no raw control characters");
        prop_assert!(frame.chars().all(|c| c.len_utf16() == 1), "no surrogates");
    }

    #[test]
    fn one_text_is_the_same_alone_in_an_array_and_in_a_frame_of_its_own(text in text()) {
        prop_assert_eq!(frame::array_of_one(&text), array_of(std::slice::from_ref(&text)));
        let read: Vec<_> = parse_frame(frame::item(&text).into()).unwrap().collect();
        prop_assert_eq!(read, vec![text]);
    }

    #[test]
    fn a_reason_comes_back_from_a_close_frame(code in any::<u16>(), reason in text()) {
        let frame = frame::close(code, &reason);
        let read: (u16, String) = serde_json::from_str(frame.strip_prefix('c').unwrap()).unwrap();
        prop_assert_eq!(read, (code, reason));
    }

    #[test]
    fn an_event_source_s_data_is_one_event_that_decode_uri_turns_into_the_frame(texts in prop::collection::vec(text(), 1..4)) {
        let frame = array_of(&texts);
        let wrapped = Envelope::EventSource.wrap(&frame);
        let event = std::str::from_utf8(&wrapped).unwrap();
        let data = event.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\r\n\r\n")).unwrap();
        prop_assert!(!data.contains(['\r', '\n', '\0']), "one line");
        prop_assert_eq!(decode_uri(data), Some(frame));
    }

    #[test]
    fn scripts_carry_the_frame_in_a_literal_without_an_angle_bracket(texts in prop::collection::vec(text(), 1..4)) {
        let frame = array_of(&texts);
        prop_assert_eq!(js_literal(&Envelope::HtmlFile.wrap(&frame), "<script>\np(", ");\n</script>\r\n"), frame.clone());
        let jsonp = Envelope::Jsonp { callback: "_jp.a1".into() };
        prop_assert_eq!(js_literal(&jsonp.wrap(&frame), "/**/_jp.a1(", ");\r\n"), frame);
    }

    #[test]
    fn a_cut_or_garbled_payload_is_refused_and_never_taken_for_another(texts in prop::collection::vec(text(), 1..4), cut in any::<prop::sample::Index>()) {
        let frame = array_of(&texts);
        let json = Bytes::copy_from_slice(&frame.as_bytes()[1..]);
        prop_assert!(parse_array(json.slice(..cut.index(json.len())), usize::MAX).is_err());
        let longest = texts.iter().map(String::len).max().unwrap_or_default();
        prop_assert_eq!(parse_array(json.clone(), longest).unwrap().count(), texts.len());
        let one_less = longest.checked_sub(1).map(|longest| parse_array(json, longest).err());
        prop_assert!(matches!(one_less, None | Some(Some(PayloadError::TooBig))));
    }

    #[test]
    fn junk_is_refused_as_serde_would(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let expected = serde_json::from_slice::<Vec<String>>(&bytes).ok();
        if let Some(expected) = expected {
            prop_assert_eq!(parse_array(bytes.into(), 100).unwrap().collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn the_model_of_decode_uri_throws_where_a_browser_does() {
    assert_eq!(decode_uri("100%"), None);
    assert_eq!(decode_uri("%zz"), None);
    assert_eq!(decode_uri("%ff"), None);
    assert_eq!(decode_uri("5%25%2F"), Some("5%%2F".into()));
}
