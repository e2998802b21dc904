use super::*;
use crate::policy::testing::TempFile;
use std::path::Path;

/// What a file with this content becomes. The environment of the tests must not have settings.
fn of_file(content: &str, flags: &[Flag]) -> Result<(Config, Parts), String> {
    let file = TempFile::new(content);
    let text = |error: ConfigError| error.to_string().replace(&file.0.display().to_string(), "FILE");
    let loaded = Loaded::load(Some(&file.0), flags.iter().cloned()).map_err(text)?;
    let parts = loaded.validate().map_err(text)?;
    Ok((loaded.config, parts))
}

fn origins(content: &str) -> Vec<Origin> {
    Loaded::load(Some(&TempFile::new(content).0), []).unwrap().origins()
}

#[track_caller]
fn refused(content: &str, expected: &str) {
    let error = of_file(content, &[]).expect_err(content);
    assert!(error.contains(expected), "{content}\n  said     {error}\n  expected {expected}");
}

/// Every setting and its default, as TOML.
fn defaults() -> Vec<(String, String)> {
    origins("").into_iter().map(|origin| (origin.key, origin.value)).collect()
}

fn doc(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

#[test]
fn an_empty_file_gives_the_defaults_and_they_are_valid() {
    let (config, parts) = of_file("", &[]).unwrap();
    assert_eq!(config, Config::default());
    assert!(parts.site.demo && parts.site.metrics && parts.workers > 0);
    assert_eq!(config.server.settings(), ServerSettings::default());
    assert_eq!(config.endpoints["chat"].settings(), Settings::default());
}

#[test]
fn an_unknown_key_is_refused_with_its_path_its_value_what_was_expected_and_the_file() {
    refused(
        "[server]\nlissten = \"x\"",
        "server.lissten = \"x\": no such setting; expected one of `listen`, `workers`, `tls`",
    );
    refused("[server]\nlissten = 1", "(from FILE)");
    refused("colour = 1", "colour = 1: no such setting; expected one of `demo`");
    refused("[server.tls]\ncert = 1", "server.tls.cert = 1: no such setting; expected one of `certificate`, `key`");
    for section in ["session", "websocket", "sockjs", "limits", "origins"] {
        let key = format!("endpoints.a.{section}.nonsense");
        let file = format!("[endpoints.a]\npath = \"/a\"\napp = \"echo\"\n{section}.nonsense = 1");
        refused(&file, &format!("{key} = 1: no such setting; expected"));
    }
}

#[test]
fn a_setting_that_there_was_is_refused_with_what_took_its_place() {
    let file = "[endpoints.a]\npath = \"/a\"\napp = \"echo\"\nsockjs.max_messages_per_request = 10";
    let gone = "endpoints.a.sockjs.max_messages_per_request = 10: no longer a setting; limits.max_body_bytes limits";
    refused(file, gone);
}

#[test]
fn a_wrong_value_is_refused_with_what_was_expected() {
    refused("[server]\nworkers = -1", "server.workers = -1: expected a whole number, 0 or more (from FILE)");
    refused("[server]\nlisten = \"here\"", "expected an address and a port, such as \"127.0.0.1:8080\"");
    refused("[server]\ndrain_timeout = \"5\"", "expected a number with a unit, such as \"25s\"");
    refused("[server]\ndrain_timeout = 5", "server.drain_timeout = 5: expected a number with a unit, such as \"25s\"");
    refused("[server]\nlisten = 8080", "server.listen = 8080: expected an address and a port");
    refused("[log]\nlevel = 3", "log.level = 3: expected text");
    refused("[log]\nformat = \"xml\"", "log.format = \"xml\": expected one of `pretty`, `json`");
    refused("[log]\nlevel = \"a=b=c\"", "log.level = \"a=b=c\": ");
    refused("demo = 1", "demo = 1: expected true or false");
    refused("[server]\nmax_connections = 0", "server.max_connections = 0: expected at least 1 (from FILE)");
    refused("[server]\nheader_timeout = \"0s\"", "server.header_timeout = \"0s\": expected more than 0s");
    refused("[server]\nworkers = 100000", "expected at most 1024");
    refused("[server]\nkeep_alive_timeout = \"0s\"", "server.keep_alive_timeout = \"0s\": expected more than 0s");
    refused("[server]\nhosts = [\"a:80\"]", "server.hosts = [\"a:80\"]: expected names without ports");
    for peer_timeout in ["0s", "3s", "2h"] {
        let expected =
            "server.peer_timeout = \"TIME\": expected at least 4s and at most 1h".replace("TIME", peer_timeout);
        refused(&format!("[server]\npeer_timeout = \"{peer_timeout}\""), &expected);
    }
    refused("a = [", "(from FILE)");
}

#[test]
fn an_endpoint_needs_a_path_and_an_application() {
    refused("[endpoints.a]\npath = \"/a\"", "endpoints.a.app: is missing");
    refused("[endpoints.a]\napp = \"chat\"", "endpoints.a.path: is missing");
    refused("[endpoints.a]\npath = \"/a\"\napp = \"cat\"", "endpoints.a.app = \"cat\": expected one of `chat`, `echo`");
    refused("[endpoints.\"a b\"]\npath = \"/a\"\napp = \"echo\"", "expected a name of letters, digits, - and _");
}

#[test]
fn paths_are_absolute_plain_and_apart() {
    for path in ["", "/", "a", "a/", "/a/", "//a", "/a b", "/:a", "/*", "/a?b", "/../a", "/%61"] {
        let file = format!("[endpoints.a]\npath = \"{path}\"\napp = \"echo\"");
        refused(&file, "expected an absolute path of letters, digits");
    }
    let two = |a: &str, b: &str| {
        format!("[endpoints.a]\npath = \"{a}\"\napp = \"echo\"\n[endpoints.b]\npath = \"{b}\"\napp = \"echo\"")
    };
    refused(&two("/a", "/a"), "endpoints.b.path = \"/a\": overlaps with endpoints.a.path = \"/a\" (from FILE)");
    refused(&two("/a/b", "/a"), "overlaps with endpoints.a.path = \"/a/b\"");
    refused(&two("/a", "/health"), "overlaps with /health");
    refused(&two("/a", "/static/x"), "overlaps with /static");
    refused(&two("/a", "/api/x"), "overlaps with /api");
    assert!(of_file(&two("/a", "/ab"), &[]).is_ok());
}

#[test]
fn an_endpoint_that_speaks_stomp_may_have_its_feeds_at_a_short_path_too() {
    let endpoint =
        |app: &str, path: &str| format!("[endpoints.a]\npath = \"/a\"\napp = \"{app}\"\nfeed_path = \"{path}\"");
    let feeds = |file: &str| of_file(file, &[]).unwrap().1.site.endpoints.pop().unwrap().feed_path;
    assert_eq!(feeds("").as_deref(), Some("/feed"));
    assert_eq!(feeds(&endpoint("stomp", "/live")).as_deref(), Some("/live"));
    assert_eq!(feeds("[endpoints.a]\npath = \"/a\"\napp = \"stomp\""), None);
    refused(&endpoint("chat", "/live"), "endpoints.a.feed_path = \"/live\": expected only where app = \"stomp\"");
    refused(&endpoint("stomp", "/a/feed"), "overlaps with endpoints.a.path = \"/a\"");
    refused(&endpoint("stomp", "/api"), "overlaps with /api");
    refused(&endpoint("stomp", "live"), "expected an absolute path");
}

#[test]
fn an_endpoint_s_own_complaint_is_told_with_the_endpoint_s_name() {
    let file = "[endpoints.a]\npath = \"/a\"\napp = \"echo\"\nsession.queue_messages = 0";
    refused(file, "endpoints.a.session.queue_messages = 0: ");
    let file = "[endpoints.a]\npath = \"/a\"\napp = \"echo\"\norigins.allowed = [\"*\"]";
    refused(file, "endpoints.a.origins.allowed = [\"*\"]: \"*\" together with credentials");
}

#[test]
fn all_problems_that_can_be_found_together_are_told_together() {
    let file = "[server]\nmax_headers = 0\n[endpoints.a]\npath = \"a\"\napp = \"echo\"\nsession.heartbeat = \"0s\"";
    assert_eq!(of_file(file, &[]).unwrap_err().lines().count(), 3);
}

#[test]
fn endpoints_in_the_file_replace_the_default_ones() {
    let (config, parts) = of_file("[endpoints.a]\npath = \"/a\"\napp = \"echo\"", &[]).unwrap();
    assert_eq!(config.endpoints.keys().collect::<Vec<_>>(), ["a"]);
    assert!(!parts.site.demo, "the demo page needs a chat at /chat");
}

#[test]
fn a_flag_beats_the_file_and_is_blamed_when_it_is_wrong() {
    let listen = |value: &str| [Flag::new("--listen", "server.listen", value)];
    let file = "[server]\nlisten = \"127.0.0.1:1\"";
    assert_eq!(of_file(file, &listen("127.0.0.1:2")).unwrap().1.listen.port(), 2);
    assert!(of_file(file, &listen("two")).unwrap_err().ends_with("(from --listen)"));
}

#[test]
fn tls_needs_both_files_and_says_which_one_is_wrong() {
    refused("server.tls.certificate = \"/c\"", "server.tls.key: is missing");
    refused("server.tls.key = \"/k\"", "server.tls.certificate: is missing");
    let nowhere = "server.tls.certificate = \"/no/c\"\nserver.tls.key = \"/no/k\"";
    refused(nowhere, "server.tls.certificate = \"/no/c\": cannot be read: No such file");
    let file = TempFile::new("secret junk");
    let junk = format!("server.tls.certificate = {0:?}\nserver.tls.key = {0:?}", file.0.display().to_string());
    let error = of_file(&junk, &[]).unwrap_err();
    assert!(error.contains("expected a certificate in PEM") && !error.contains("secret"), "{error}");
}

#[test]
fn the_sample_file_in_the_docs_is_the_defaults_and_names_every_setting() {
    let sample = doc("byway.toml");
    assert_eq!(of_file(&sample, &[]).unwrap().0, Config::default());
    let uncommented = sample.replace("#: ", "");
    // What has no default stands there as an example.
    let examples = [
        "certificate",
        "key",
        "client_url",
        "base_url",
        "query_parameter",
        "cookie",
        "secret",
        "_file",
        "jwks_url",
        "hooks.url",
        "issuer",
        "audience",
        "_burst",
        "max_age",
        "api.listen",
        "feeds.response_limit",
        "stream_time",
    ];
    for origin in origins(&uncommented) {
        assert!(
            is_of_other_endpoint(&origin.key) || origin.origin != "default",
            "{} is missing from docs/byway.toml",
            origin.key
        );
        let is_example = examples.iter().any(|name| origin.key.ends_with(name));
        let default = defaults().into_iter().find(|(key, _)| *key == origin.key);
        assert!(is_example || default.is_some_and(|(_, value)| value == origin.value), "{origin:?} is not the default");
    }
}

#[test]
fn the_manual_has_every_setting_with_its_default() {
    let manual = doc("operations.md");
    for (key, value) in defaults().iter().filter(|(key, _)| !is_of_other_endpoint(key)) {
        let key = key.strip_prefix("endpoints.chat.").unwrap_or(key);
        let row = match key {
            "path" | "app" => format!("| `{key}` | required |"),
            key if value.len() > 40 => format!("| `{key}` | all |"),
            key => format!("| `{key}` | `{}` |", value.trim_matches('"').replace("(none)", "none")),
        };
        assert!(manual.contains(&row), "docs/operations.md has no row {row}");
    }
}

/// Endpoints have the same settings.
fn is_of_other_endpoint(key: &str) -> bool {
    ["endpoints.echo.", "endpoints.stomp."].iter().any(|other| key.starts_with(other))
}

#[test]
fn policies_that_no_application_asks_are_refused_instead_of_looking_like_protection() {
    for (file, key) in [
        ("auth.anonymous = \"allow\"", "auth"),
        ("rules = [{ who = \"anyone\", destination = \"/topic/a\", effect = \"deny\" }]", "rules"),
        ("hooks.app = true", "hooks"),
    ] {
        let error = of_file(&format!("{file}\n[endpoints.echo]\npath = \"/echo\"\napp = \"echo\""), &[]).unwrap_err();
        assert!(error.starts_with(key) && error.contains("protects nothing"), "{error}");
    }
}

#[test]
fn a_wrong_rule_is_told_with_what_was_expected() {
    let rule = |rest: &str| {
        format!("rules = [{{ who = \"anyone\", destination = \"/a\", effect = \"allow\" }}, {{ {rest} }}]")
    };
    refused(
        &rule("who = \"nobody\", destination = \"/a\", effect = \"allow\""),
        "expected \"anyone\", \"authenticated\", \"anonymous\", { user = \"ada\" } or",
    );
    refused(&rule("who = \"anyone\", destination = \"/a\", effect = \"permit\""), "expected one of `allow`, `deny`");
    refused(&rule("who = \"anyone\", effect = \"allow\""), "is missing");
    refused(&rule("who = \"anyone\", destination = \"/a\", efect = \"allow\""), "no such setting");
}

#[test]
fn rules_are_shown_as_they_are_written() {
    let rule = "{ action = \"any\", destination = \"/a\", effect = \"allow\", who = { user = \"ada\" } }";
    let origins = origins(&format!("rules = [{rule}]"));
    let shown = origins.iter().find(|origin| origin.key == "rules").map(|origin| origin.value.as_str());
    assert_eq!(shown, Some(format!("[{rule}]").as_str()));
}

#[test]
fn a_secret_is_shown_neither_as_a_value_nor_with_what_is_wrong_around_it() {
    let canary = "canary-canary-canary-canary-canary";
    let shown = origins(&format!("auth.jwt.secret = \"{canary}\""));
    assert!(shown.iter().any(|origin| origin.key == "auth.jwt.secret" && origin.value == "\"(hidden)\""), "{shown:?}");
    for wrong in [
        format!("auth.jwt.secret = [\"{canary}\"]"),
        format!("auth.jwt.secrets = \"{canary}\""),
        format!("auth.jwt = \"{canary}\""),
        format!("auth = {{ jwt = {{ secret = \"{canary}\" }}, token = 1 }}"),
        format!("auth.jwt.secret = \"{canary}"),
        format!("jwt_secret = \"{canary}\""),
    ] {
        let error = of_file(&wrong, &[]).unwrap_err();
        assert!(!error.contains("canary") && error.contains("FILE"), "{error}");
    }
    let file = TempFile::new(&format!("auth.jwt.secret = \"{canary}\""));
    assert!(!format!("{:?}", Loaded::load(Some(&file.0), []).unwrap()).contains("canary"));
}

#[test]
fn an_api_key_where_its_hash_is_expected_is_refused_and_not_shown() {
    let keys = |hash: &str| format!("api.keys = [{{ name = \"a\", hash = {hash}, allow = [\"read\"] }}]");
    for wrong in ["\"canary\"", "[\"canary\"]", "\"sha256:canary\""] {
        let error = of_file(&keys(wrong), &[]).unwrap_err();
        assert!(!error.contains("canary") && error.contains("api.keys") && error.contains("FILE"), "{error}");
    }
    let good = format!("\"{}\"", crate::server::KeyHash::of("canary"));
    let (config, parts) = of_file(&keys(&good), &[]).unwrap();
    assert_eq!((config.api.keys.len(), parts.site.has_api_here()), (1, true));
    refused(&format!("{}\napi.max_messages = 0", keys(&good)), "api.max_messages = 0: expected at least 1");
    refused(&keys(&good).replace("read", "write"), "expected one of `publish`, `read`, `disconnect`");
}

#[test]
fn a_backend_that_says_who_clients_are_is_authentication_and_one_that_does_not_is_none() {
    let hooks = |more: &str| {
        let secret = "secret = \"0123456789abcdef0123456789abcdef\"";
        format!("server.listen = \"0.0.0.0:1\"\n[hooks]\nurl = \"http://127.0.0.1:1\"\n{secret}\n{more}")
    };
    let (_, parts) = of_file(&hooks("connect = true"), &[]).unwrap();
    assert!(parts.site.hooks.is_some());
    refused(&hooks("app = true"), "auth.anonymous: no authentication is configured");
    refused("hooks.app = true", "hooks.url: is missing");
    let error = of_file("hooks = { app = true, url = \"https://ada:canary@example.com\" }", &[]).unwrap_err();
    assert!(error.contains("without a user and a password") && !error.contains("canary"), "{error}");
}

#[test]
fn a_file_that_is_no_toml_is_told_with_the_place() {
    refused("a = [", "TOML parse error at line 1, column 6: ");
}
