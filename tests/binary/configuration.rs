use crate::client::get;
use crate::process::{Byway, Folder, run};

#[track_caller]
fn refused(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)], expected: &str) {
    for command in ["check", "serve"] {
        let (code, out, err) = run(folder, &[arguments, &[command]].concat(), variables);
        assert_eq!((code, out.as_str()), (1, ""), "{command}: {err}");
        assert_eq!(err, format!("byway: {expected}\n"), "{command}");
    }
}

#[test]
fn an_unknown_key_in_the_file_is_refused_with_its_path_value_expectation_and_file() {
    let folder = Folder::new().with("byway.toml", "[server.tls]\ncert = \"x\"");
    let expected = "server.tls.cert = \"x\": no such setting; expected one of `certificate`, `key` (from byway.toml)";
    refused(&folder, &[], &[], expected);
}

#[test]
fn an_unknown_variable_is_refused_by_its_name() {
    let expected = "server.tls.cert = \"x\": no such setting; expected one of `certificate`, `key` \
                    (from environment variable BYWAY_SERVER__TLS__CERT)";
    refused(&Folder::new(), &[], &[("BYWAY_SERVER__TLS__CERT", "x")], expected);
}

#[test]
fn a_wrong_value_is_refused_wherever_it_comes_from() {
    let folder = Folder::new().with("wrong.toml", "log.format = \"xml\"");
    let expected = "log.format = \"xml\": expected one of `pretty`, `json`";
    refused(&folder, &["--config", "wrong.toml"], &[], &format!("{expected} (from wrong.toml)"));
    let variable = [("BYWAY_LOG__FORMAT", "xml")];
    refused(&folder, &[], &variable, &format!("{expected} (from environment variable BYWAY_LOG__FORMAT)"));
    refused(&folder, &["--log-format", "xml"], &[], &format!("{expected} (from --log-format)"));
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let expected = "none.toml: cannot be read: No such file or directory (os error 2)";
    refused(&Folder::new(), &["--config", "none.toml"], &[], expected);
    refused(&Folder::new(), &[], &[("BYWAY_CONFIG", "none.toml")], expected);
}

#[test]
fn a_variable_beats_the_file_and_a_flag_beats_the_variable() {
    let folder = Folder::new().with("byway.toml", "server = { workers = 1, max_headers = 1, max_target_bytes = 1 }");
    let variables = [("BYWAY_SERVER__WORKERS", "2"), ("BYWAY_SERVER__MAX_HEADERS", "2")];
    let (code, out, err) = run(&folder, &["--workers", "3", "check", "--verbose"], &variables);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "server.workers = 3  # --workers",
        "server.max_headers = 2  # environment variable BYWAY_SERVER__MAX_HEADERS",
        "server.max_target_bytes = 1  # byway.toml",
        "server.max_connections = 20000  # default",
    ] {
        assert!(out.lines().any(|printed| printed == line), "{line} is not in\n{out}");
    }
}

#[test]
fn a_list_can_be_given_in_a_variable() {
    let variables = [("BYWAY_ENDPOINTS__CHAT__ORIGINS__ALLOWED", "[\"https://a.example\", \"https://b.example\"]")];
    let (_, out, _) = run(&Folder::new(), &["check", "-v"], &variables);
    assert!(
        out.contains("endpoints.chat.origins.allowed = [\"https://a.example\", \"https://b.example\"]  # env"),
        "{out}"
    );
}

#[test]
fn check_says_ok() {
    assert_eq!(run(&Folder::new(), &["check"], &[]), (0, "ok\n".to_owned(), String::new()));
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let (code, _, err) = run(&Folder::new(), &["--colour"], &[]);
    assert!(code == 2 && err.contains("--colour"), "{err}");
}

#[test]
fn the_version_and_the_help_are_printed() {
    let version = format!("byway {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&Folder::new(), &["-V"], &[]), (0, version, String::new()));
    let (_, help, _) = run(&Folder::new(), &["--help"], &[]);
    for part in ["Examples:", "Exit codes:", "BYWAY_SERVER__LISTEN", "docs/operations.md"] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
}

#[test]
fn a_port_in_use_is_one_line_and_exit_code_1() {
    let first = Byway::start(&[]);
    let (code, _, err) = run(&Folder::new(), &["--listen", &first.address], &[]);
    let address = &first.address;
    let expected = format!(
        "byway: cannot listen on {address}: another program uses this port; stop it, or choose another with --listen\n"
    );
    assert_eq!((code, err.as_str()), (1, expected.as_str()));
}

#[test]
fn endpoints_of_the_file_are_served_instead_of_the_default_ones() {
    let folder = Folder::new().with("byway.toml", "[endpoints.mirror]\npath = \"/a/mirror\"\napp = \"echo\"");
    let byway = Byway::start_in(folder, &["--workers", "1"]);
    assert!(byway.table.contains("/a/mirror  echo over SockJS, WebSocket at /a/mirror/websocket"), "{}", byway.table);
    assert_eq!(get(&byway.address, "/a/mirror").body, "Welcome to SockJS!\n");
    assert_eq!(get(&byway.address, "/chat").status(), "404");
    assert!(get(&byway.address, "/metrics").body.contains("byway_queued_bytes{endpoint=\"mirror\"} 0"));
}

#[test]
fn what_is_switched_off_is_not_served() {
    let folder = Folder::new().with("byway.toml", "demo = false\nmetrics = false");
    let byway = Byway::start_in(folder, &[]);
    for path in ["/", "/static/demo.js", "/health", "/metrics"] {
        assert_eq!(get(&byway.address, path).status(), "404", "{path}");
    }
}

#[test]
fn an_address_that_others_can_reach_needs_authentication_or_the_word_that_there_is_none() {
    let (code, out, err) = run(&Folder::new(), &["check", "--listen", "0.0.0.0:0"], &[]);
    assert!(code == 1 && out.is_empty() && err.contains("auth.anonymous"), "{err}");
    assert!(err.contains("no authentication is configured"), "{err}");
    let (code, ..) = run(&Folder::new(), &["check", "--listen", "0.0.0.0:0", "--allow-anonymous"], &[]);
    assert_eq!(code, 0);
}

/// With what readers are to put in their own place.
fn documented(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(page).expect("a page");
    let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().expect("its end"));
    let hash = format!("sha256:{}\"", "0".repeat(64));
    let own = |block: &str| block.replace("sha256:5d0c...\"", &hash).replace("sha256:...\"", &hash);
    blocks.map(|block| own(block).replace("/run/secrets/hooks", "hooks.secret")).collect()
}

#[test]
fn every_configuration_in_the_documentation_can_be_copied() {
    let root = env!("CARGO_MANIFEST_DIR");
    let docs = std::fs::read_dir(format!("{root}/docs")).expect("the documentation");
    let pages =
        docs.map(|page| page.expect("a page").path().display().to_string()).filter(|page| page.ends_with(".md"));
    let mut files = 0;
    for page in pages.chain([format!("{root}/README.md")]) {
        for file in documented(&page) {
            let folder = Folder::new().with("byway.toml", &file).with("hooks.secret", &"s".repeat(32));
            let (code, _, err) = run(&folder, &["check"], &[]);
            assert_eq!(code, 0, "{page}: {err}{file}");
            files += 1;
        }
    }
    assert!(files > 10, "{files}");
}

/// As in a container that has so little.
#[test]
fn with_little_memory_the_defaults_are_smaller_and_what_was_set_stays() {
    let folder = Folder::new()
        .with("byway.toml", "broker.max_queue_bytes = 100000000\n[endpoints.mine]\npath = \"/mine\"\napp = \"stomp\"");
    let limited = |arguments: &str| {
        let script = format!("ulimit -v 1048576; exec \"$0\" {arguments}");
        let mut command = folder.byway(&[], &[]);
        let byway = command.get_program().to_owned();
        command = std::process::Command::new("sh");
        command.args(["-c", &script]).arg(byway).current_dir(&folder.0);
        String::from_utf8(command.output().expect("it runs").stdout).expect("text")
    };
    let out = limited("check -v");
    for line in [
        "server.max_connections = 10737  # default",
        "broker.max_queue_bytes = 100000000  # byway.toml",
        "broker.max_history_bytes = 67108864  # default",
        "endpoints.mine.limits.max_sessions = 25565  # default",
        "ok",
    ] {
        assert!(out.lines().any(|printed| printed == line), "{line} is not in\n{out}");
    }
}
