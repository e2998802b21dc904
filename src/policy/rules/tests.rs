use super::*;
use crate::model::{SessionId, Transport};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use std::net::Ipv4Addr;

fn rules(toml: &str) -> Rules {
    #[derive(Deserialize)]
    struct File {
        rules: Vec<RuleSettings>,
    }
    use figment::providers::{Format, Toml};
    let file: File = figment::Figment::from(Toml::string(toml)).extract().unwrap();
    Rules::new(&file.rules).unwrap()
}

fn principal(name: &str, claims: Value) -> Principal {
    Principal::new(name.to_owned()).with_claims(claims.as_object().unwrap().clone())
}

/// A fixed set of callers: nobody, ada the admin of tenant 7, and bob.
fn caller(name: &str) -> Option<Principal> {
    match name {
        "" => None,
        "ada" => Some(principal("ada", json!({"roles": ["admin"], "tenant": 7}))),
        name => Some(principal(name, json!({"roles": ["user"], "tenant": "red"}))),
    }
}

fn access<'a>(principal: Option<&'a Principal>, action: Action, target: &'a DestinationPattern) -> Access<'a> {
    let (session, remote) = (SessionId(1), Ipv4Addr::LOCALHOST.into());
    Access { principal, session, transport: Transport::Websocket, remote, action, is_personal: false, target }
}

#[track_caller]
fn check(rules: &Rules, who: &str, action: Action, target: &str, expected: Decision) {
    let (principal, target) = (caller(who), DestinationPattern::parse(target.to_owned()).unwrap());
    assert_eq!(rules.decide(access(principal.as_ref(), action, &target)), expected, "{who:?} {action:?} {target}");
}

use Action::{Send, Subscribe};
use Decision::{Allow, Deny};

#[test]
fn without_rules_everything_is_allowed_and_with_one_whatever_none_allows_is_denied() {
    check(&Rules::default(), "", Send, "/topic/a", Allow);
    let rules =
        rules(r#"rules = [{ who = "anyone", action = "subscribe", destination = "/topic/a", effect = "allow" }]"#);
    check(&rules, "", Subscribe, "/topic/a", Allow);
    check(&rules, "ada", Send, "/topic/a", Deny);
    check(&rules, "ada", Subscribe, "/topic/b", Deny);
}

#[test]
fn a_rule_that_is_made_in_code_is_the_one_that_a_file_has() {
    use ActionSetting as On;
    let made = Rules::new(&[
        RuleSettings::allow(Who::claim("roles", "admin"), On::Subscribe, "/topic/a"),
        RuleSettings::deny(Who::ANYONE, On::Any, "/topic/a"),
        RuleSettings::allow(Who::AUTHENTICATED, On::Send, "/topic/*"),
        RuleSettings::allow(Who::ANONYMOUS, On::Any, "/topic/b"),
        RuleSettings::allow(Who::user("bob"), On::Any, "/topic/c"),
    ])
    .unwrap();
    for (who, action, target, expected) in [
        ("ada", Subscribe, "/topic/a", Allow),
        ("bob", Subscribe, "/topic/a", Deny),
        ("ada", Send, "/topic/a", Deny),
        ("ada", Send, "/topic/b", Allow),
        ("ada", Subscribe, "/topic/b", Deny),
        ("", Subscribe, "/topic/b", Allow),
        ("bob", Subscribe, "/topic/c", Allow),
        ("ada", Subscribe, "/topic/c", Deny),
    ] {
        check(&made, who, action, target, expected);
    }
}

#[test]
fn a_rule_is_about_anyone_a_group_a_user_or_a_claim() {
    for (who, allowed) in [
        (r#""anyone""#, ["", "ada", "bob"].as_slice()),
        (r#""authenticated""#, &["ada", "bob"]),
        (r#""anonymous""#, &[""]),
        (r#"{ user = "ada" }"#, &["ada"]),
        (r#"{ claim = "roles", value = "user" }"#, &["bob"]),
    ] {
        let rules = rules(&format!(r#"rules = [{{ who = {who}, destination = "/topic/**", effect = "allow" }}]"#));
        for caller in ["", "ada", "bob"] {
            let expected = if allowed.contains(&caller) { Allow } else { Deny };
            check(&rules, caller, Send, "/topic/a", expected);
        }
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rules = rules(
        r#"
        [[rules]]
        who = { claim = "roles", value = "admin" }
        destination = "/topic/secret"
        effect = "allow"
        [[rules]]
        who = "anyone"
        destination = "/topic/secret"
        effect = "deny"
        [[rules]]
        who = "authenticated"
        destination = "/topic/**"
        effect = "allow"
        "#,
    );
    check(&rules, "ada", Subscribe, "/topic/secret", Allow);
    check(&rules, "bob", Subscribe, "/topic/secret", Deny);
    check(&rules, "bob", Subscribe, "/topic/news", Allow);
    check(&rules, "", Subscribe, "/topic/news", Deny);
}

/// In Spring, a rule for `/topic/secret` does not see a subscription to `/topic/*`, which the broker matches with it.
#[test]
fn a_pattern_does_not_reach_what_a_rule_denies() {
    let rules = rules(
        r#"
        rules = [
            { who = "anyone", destination = "/topic/secret", effect = "deny" },
            { who = "anyone", destination = "/topic/**", effect = "allow" },
        ]"#,
    );
    for leak in ["/topic/secret", "/topic/*", "/topic/**", "/*/secret", "/*/*", "/**"] {
        check(&rules, "bob", Subscribe, leak, Deny);
    }
    for harmless in ["/topic/news", "/topic/news/*", "/topic/news/**", "/topic/*/secret"] {
        check(&rules, "bob", Subscribe, harmless, Allow);
    }
}

#[test]
fn a_pattern_is_allowed_only_where_all_that_it_reaches_is() {
    let rules = rules(r#"rules = [{ who = "anyone", destination = "/topic/*", effect = "allow" }]"#);
    check(&rules, "bob", Subscribe, "/topic/*", Allow);
    for wide in ["/topic/**", "/topic/*/*", "/*/a", "/**"] {
        check(&rules, "bob", Subscribe, wide, Deny);
    }
}

#[test]
fn a_rule_can_be_about_the_caller_s_own() {
    let rules = rules(
        r#"
        rules = [
            { who = "anyone", destination = "/topic/of/{name}/**", effect = "allow" },
            { who = "anyone", destination = "/topic/{claim:tenant}/*", effect = "allow" },
        ]"#,
    );
    for (who, own, others) in [
        ("ada", ["/topic/of/ada/x", "/topic/7/x"], ["/topic/of/bob/x", "/topic/red/x"]),
        ("bob", ["/topic/of/bob", "/topic/red/*"], ["/topic/of/ada", "/topic/7/*"]),
    ] {
        own.iter().for_each(|target| check(&rules, who, Subscribe, target, Allow));
        others.iter().for_each(|target| check(&rules, who, Subscribe, target, Deny));
        check(&rules, who, Subscribe, "/topic/of/*/x", Deny);
        check(&rules, who, Subscribe, "/topic/*/x", Deny);
    }
    check(&rules, "", Subscribe, "/topic/of/ada/x", Deny);
}

#[test]
fn a_name_or_a_claim_that_would_mean_more_matches_nothing() {
    let rules = rules(
        r#"
        rules = [
            { who = "anyone", destination = "/topic/{name}/**", effect = "allow" },
            { who = "anyone", destination = "/queue/{claim:tenant}/**", effect = "allow" },
        ]"#,
    );
    let tricks = [
        "*",
        "**",
        "",
        ".",
        "..",
        "a/b",
        "/",
        "a/**",
        "{name}",
        "{claim:tenant}",
        "a%2fb",
        "a\\b",
        "a\0b",
        "a?",
        "#",
        ">",
    ];
    for trick in tricks {
        let caller = principal(trick, json!({ "tenant": trick }));
        for target in ["/topic/a/b", "/topic/a", "/topic/**", "/topic/*/b", "/queue/a/b", "/queue/**", "/queue/*/b"] {
            let target = DestinationPattern::parse(target).unwrap();
            let access = access(Some(&caller), Subscribe, &target);
            assert_eq!(rules.decide(access), Deny, "{trick:?} {target}");
        }
    }
    for claim in [json!(["b"]), json!([["a"]]), json!({"a": 1}), json!(1.5), json!(true), Value::Null] {
        let caller = principal("x", json!({ "tenant": claim }));
        let target = DestinationPattern::parse("/queue/a/b").unwrap();
        assert_eq!(rules.decide(access(Some(&caller), Send, &target)), Deny, "{claim}");
    }
}

/// What identity providers say of ada: lists in objects, numbers, booleans, and names that are URLs.
fn claimed() -> Principal {
    principal(
        "ada",
        json!({
            "realm_access": { "roles": ["admin", "user"] },
            "https://example.com/tenants": ["red", 7],
            "uid": 4711,
            "email_verified": true,
        }),
    )
}

#[test]
fn claims_that_are_no_text_or_below_another_or_named_by_a_url_match() {
    for (who, matched) in [
        (r#"{ claim = "realm_access.roles", value = "admin" }"#, true),
        (r#"{ claim = "realm_access.roles", value = "root" }"#, false),
        (r#"{ claim = "https://example.com/tenants", value = "red" }"#, true),
        (r#"{ claim = "https://example.com/tenants", value = 7 }"#, true),
        (r#"{ claim = "uid", value = "4711" }"#, true),
        (r#"{ claim = "uid", value = 4711 }"#, true),
        (r#"{ claim = "uid", value = 471 }"#, false),
        (r#"{ claim = "email_verified", value = true }"#, true),
        (r#"{ claim = "email_verified", value = "false" }"#, false),
    ] {
        let rules = rules(&format!(r#"rules = [{{ who = {who}, destination = "/topic/a", effect = "allow" }}]"#));
        let target = DestinationPattern::parse("/topic/a").unwrap();
        let decision = rules.decide(access(Some(&claimed()), Send, &target));
        assert_eq!(decision, if matched { Allow } else { Deny }, "{who}");
    }
}

#[test]
fn a_placeholder_takes_the_same_claims_and_of_a_list_the_value_that_is_meant() {
    let rules = rules(
        r#"
        rules = [
            { who = "anyone", destination = "/topic/secret/{claim:https://example.com/tenants}/x", effect = "deny" },
            { who = "anyone", destination = "/topic/*/{claim:https://example.com/tenants}/*", effect = "allow" },
            { who = "anyone", destination = "/topic/{claim:realm_access.roles}", effect = "allow" },
            { who = "anyone", destination = "/queue/{claim:uid}/{claim:email_verified}/**", effect = "allow" },
        ]"#,
    );
    for (target, expected) in [
        ("/topic/of/red/*", Allow),
        ("/topic/of/7/a", Allow),
        ("/topic/of/blue/a", Deny),
        ("/topic/of/*/a", Deny),
        ("/topic/admin", Allow),
        ("/topic/user", Allow),
        ("/topic/root", Deny),
        ("/topic/*", Deny),
        ("/topic/secret/7/x", Deny),
        ("/topic/secret/*/x", Deny),
        ("/topic/secret/red/**", Deny),
        ("/topic/secret/red/y", Allow),
        ("/queue/4711/true/a", Allow),
        ("/queue/4711/false/a", Deny),
        ("/queue/4711", Deny),
    ] {
        let target = DestinationPattern::parse(target).unwrap();
        assert_eq!(rules.decide(access(Some(&claimed()), Subscribe, &target)), expected, "{target}");
    }
}

#[test]
fn the_claims_that_rules_ask_for_are_known() {
    let rules = rules(
        r#"
        rules = [
            { who = "anyone", destination = "/topic/{name}/{claim:a.b}", effect = "deny" },
            { who = { claim = "roles", value = "x" }, destination = "/{claim:https://x/y}/**", effect = "allow" },
        ]"#,
    );
    assert_eq!(rules.claims().collect::<Vec<_>>(), [(1, "a.b"), (2, "roles"), (2, "https://x/y")]);
}

#[test]
fn a_rule_that_cannot_be_right_is_refused_with_its_number() {
    let rule = |destination: &str| RuleSettings {
        who: Who::Group(Group::Anyone),
        action: ActionSetting::Any,
        destination: destination.to_owned(),
        effect: Effect::Allow,
    };
    for wrong in ["", "topic", "topic/{name}", "/a/{nobody}", "/a/{claim:}", "/a/x{name}", "/a/**/{name}", "/a//{name}"]
    {
        let error = Rules::new(&[rule("/topic/**"), rule(wrong)]).unwrap_err();
        assert!(error.key == "rules" && error.problem.starts_with("rule 2: "), "{error}");
    }
}

#[test]
fn a_rule_that_says_two_things_of_whom_it_is_about_is_refused() {
    for who in [json!({"user": "ada", "claim": "roles", "value": "x"}), json!({"claim": "roles"}), json!("everybody")] {
        let rule = json!({"who": who, "destination": "/a", "effect": "allow"});
        let error = serde_json::from_value::<RuleSettings>(rule).unwrap_err().to_string();
        assert!(error.contains("expected \"anyone\""), "{error}");
    }
}

fn segments(end: &'static [&'static str]) -> impl Strategy<Value = String> {
    let inner = prop::collection::vec(select(&["a", "b", "*"][..]), 0..3);
    (inner, select(end)).prop_map(|(inner, end)| format!("/{}", [inner, vec![end]].concat().join("/")))
}

fn any_rule() -> impl Strategy<Value = RuleSettings> {
    let who = select(vec![
        Who::Group(Group::Anyone),
        Who::Group(Group::Authenticated),
        Who::User(User { user: "b".to_owned() }),
    ]);
    let action = select(vec![ActionSetting::Any, ActionSetting::Send, ActionSetting::Subscribe]);
    let effect = select(vec![Effect::Allow, Effect::Deny]);
    (who, action, segments(&["a", "b", "*", "**", "{name}"]), effect)
        .prop_map(|(who, action, destination, effect)| RuleSettings { who, action, destination, effect })
}

/// Every destination of up to four segments from an alphabet that has one letter more than rules use.
fn world() -> Vec<Destination> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..4 {
        last = last.iter().flat_map(|path| ["a", "b", "c"].map(|segment| format!("{path}/{segment}"))).collect();
        all.extend(last.clone());
    }
    all.into_iter().filter_map(|path| Destination::parse(path).ok()).collect()
}

/// What the first rule says that matches this one destination.
fn naive(rules: &[RuleSettings], caller: Option<&Principal>, action: Action, destination: &Destination) -> Decision {
    let matches = |rule: &&RuleSettings| {
        let who = rule.who.includes(caller) && rule.action.includes(action);
        let name = caller.map(|caller| rule.destination.replace("{name}", caller.name()));
        let text = if rule.destination.contains('{') { name } else { Some(rule.destination.clone()) };
        who && text.is_some_and(|text| DestinationPattern::parse(text).unwrap().matches(destination))
    };
    match rules.iter().find(matches).map(|rule| rule.effect) {
        Some(Effect::Allow) => Allow,
        _ => Deny,
    }
}

proptest! {
    #[test]
    fn a_pattern_is_never_allowed_to_reach_a_destination_that_is_denied(
        settings in prop::collection::vec(any_rule(), 1..5),
        name in select(vec!["", "a", "b"]),
        action in select(vec![Subscribe, Send]),
        target in segments(&["a", "b", "*", "**"]),
    ) {
        let caller = (!name.is_empty()).then(|| Principal::new(name));
        let target = DestinationPattern::parse(target).unwrap();
        let rules = Rules::new(&settings).unwrap();
        let decision = rules.decide(access(caller.as_ref(), action, &target));
        let reached: Vec<_> = world().into_iter().filter(|destination| target.matches(destination)).collect();
        for destination in &reached {
            let one = naive(&settings, caller.as_ref(), action, destination);
            prop_assert!(decision == Deny || one == Allow, "{} is reached", destination);
            let concrete = DestinationPattern::from(destination.clone());
            let asked = rules.decide(access(caller.as_ref(), action, &concrete));
            prop_assert_eq!(asked, one, "{}", destination);
        }
    }
}
