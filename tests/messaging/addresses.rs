//! Row S6 of the attack matrix: no spelling reaches what is not the sender's.

use byway::messaging::{AddressError, MessageError, MessagingSettings, SendAddress, SubscribeAddress};
use byway::{Destination, DestinationPattern};
use proptest::prelude::*;

/// Nobody may subscribe these.
const NOT_SUBSCRIBED: &[&str] = &[
    "/user",
    "/user/",
    "/user/bob",
    "/user/bob/queue/x",
    "/user/bob/queue/x-user7",
    "/user/s7/queue/x",
    "/user/../user/bob/queue/x",
    "/user/./queue/x",
    "/user//queue/x",
    "//user/queue/x",
    "/user/queue",
    "/user/queue/",
    "/user/queue//x",
    "/user/queue/../bob/queue/x",
    "/user/queue%2fx",
    "/user%2fbob/queue/x",
    "/%75ser/bob/queue/x",
    "/user/queue/x\0",
    "/user/queue/x\n",
    "\\user\\bob\\queue\\x",
    "/user/bob\\queue/x",
    "user/queue/x",
    "",
    "/",
    "/user/*",
    "/user/**",
    "/user/*/queue/x",
    "/user/queue/*",
    "/user/queue/**",
    "/*",
    "/**",
    "/*/queue/x",
    "/*/bob/queue/x",
    "/*/**",
    "/app",
    "/app/*",
    "/app/**",
    "/user/queue/>",
    "/user/queue/#",
    "/user/queue/x?",
    "/user/queue/[a-z]",
    "/user/queue/{x}",
    "/topic/>",
    "/topic/#",
    "/topic/a?",
    "/topic/[ab]",
    "/topic/a*",
    "/topic/**/x",
];

/// Nobody may send to these.
const NOT_SENT: &[&str] = &[
    "/user",
    "/user/bob",
    "/user/queue/x",
    "/user/bob/queue",
    "/user/bob/x",
    "/user/bob/app/x",
    "/user/bob/user/ada/queue/x",
    "/user/*/queue/x",
    "/user/bob/queue/*",
    "/user/bob/queue/**",
    "/user/bo%62/queue/x",
    "/user/bob%2fqueue/x",
    "/user/bob//queue/x",
    "/user/bob/../ada/queue/x",
    "/user/bob/queue/x\0",
    "/app",
    "/app/*",
    "/topic/*",
    "/topic/**",
    "/topic/a/../b",
    "topic/a",
    "",
];

fn subscribe(text: &str) -> Result<SubscribeAddress, AddressError> {
    SubscribeAddress::parse(text, &MessagingSettings::default())
}

fn send(text: &str) -> Result<SendAddress, AddressError> {
    SendAddress::parse(text, &MessagingSettings::default())
}

#[test]
fn no_spelling_subscribes_what_is_not_the_callers() {
    for text in NOT_SUBSCRIBED {
        let refused = subscribe(text).map_err(MessageError::from);
        assert!(refused.is_err(), "{text:?} is {refused:?}");
    }
}

#[test]
fn no_spelling_sends_to_what_is_not_named() {
    for text in NOT_SENT {
        assert!(send(text).is_err(), "{text:?} is {:?}", send(text));
    }
}

#[test]
fn a_name_that_looks_like_somebodys_queue_is_an_ordinary_queue_of_the_broker() {
    for text in ["/queue/x-users7", "/queue/x-user7", "/User/bob/queue/x", "/users/bob/queue/x", "/ｕser/bob/queue/x"]
    {
        assert_eq!(subscribe(text), Ok(SubscribeAddress::Broker(DestinationPattern::parse(text).unwrap())), "{text}");
        assert_eq!(send(text), Ok(SendAddress::Broker(Destination::parse(text).unwrap())), "{text}");
    }
}

#[test]
fn a_refusal_says_what_to_write_instead() {
    for (text, told) in [
        ("/user/**", "forbidden: this destination takes no wildcard"),
        ("/app/*", "forbidden: this destination takes no wildcard"),
        ("/**", "forbidden: the wildcards reach too far; name the first segments"),
        ("/user", "forbidden: the destination is only a prefix"),
        ("/topic/a?", "a destination has no '?'"),
    ] {
        assert_eq!(subscribe(text).unwrap_err().to_string(), told, "{text}");
    }
    assert!(subscribe("/user/bob/queue/x").unwrap_err().to_string().contains("/user/queue/..."));
}

#[test]
fn other_prefixes_mean_the_same() {
    let [app_prefix, user_prefix] = ["/do", "/my/own"].map(|text| Destination::parse(text).unwrap());
    let settings = MessagingSettings { app_prefix, user_prefix, ..MessagingSettings::default() };
    let suffix = Destination::parse("/queue/x").unwrap();
    assert_eq!(SubscribeAddress::parse("/my/own/queue/x", &settings), Ok(SubscribeAddress::OwnUser(suffix.clone())));
    assert_eq!(
        SendAddress::parse("/my/own/bob/queue/x", &settings),
        Ok(SendAddress::User { name: "bob".into(), suffix })
    );
    assert!(matches!(SendAddress::parse("/do/it", &settings), Ok(SendAddress::App(_))));
    assert!(matches!(SendAddress::parse("/app/it", &settings), Ok(SendAddress::Broker(_))));
    for wide in ["/my/*", "/my/**", "/*/own", "/my/*/queue/x", "/my/own/**", "/do/**"] {
        assert!(SubscribeAddress::parse(wide, &settings).is_err(), "{wide}");
    }
}

proptest! {
    #[test]
    fn what_the_broker_gets_never_reaches_the_application_or_users(
        segments in proptest::collection::vec(
            proptest::sample::select(vec!["user", "app", "presence", "topic", "queue", "bob", "*", "**", ".", "..", "", "x"]), 1..6
        ),
    ) {
        let text = format!("/{}", segments.join("/"));
        if let Ok(SubscribeAddress::Broker(pattern)) = subscribe(&text) {
            for reserved in ["/app/**", "/user/**", "/presence/**"] {
                prop_assert!(!pattern.intersects(&DestinationPattern::parse(reserved).unwrap()), "{}", text);
            }
        }
        if let Ok(SubscribeAddress::OwnUser(suffix)) = subscribe(&text) {
            prop_assert_eq!(format!("/user{}", suffix), text.clone());
        }
        if let Ok(SubscribeAddress::Presence { at, of }) = subscribe(&text) {
            prop_assert_eq!(format!("/presence{}", of), at.as_str());
            prop_assert!(!["/app", "/user", "/presence"].iter().any(|prefix| of.is_below(prefix)), "{}", text);
        }
        if let Ok(SendAddress::User { name, suffix }) = send(&text) {
            prop_assert_eq!(format!("/user/{}{}", name, suffix), text);
        }
    }
}
