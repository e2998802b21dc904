use crate::api;
use crate::client::{connect, websocket};
use crate::peers::{Liar, Quiet};
use crate::process::{Byway, Folder, run};
use crate::stranger::Stranger;
use serde_json::{Value, json};
use std::io::Read;
use std::process::{Command, Stdio};
use tungstenite::Message;

/// Feeds that poll need a history.
const HISTORY: &str = "[broker]\nhistory = [{ pattern = \"/topic/**\", messages = 1000 }]";

const SHORT: [&str; 7] = ["--rate", "100", "--duration", "400ms", "--warmup", "100ms", "--json"];

/// Runs a load; its exit code and its report.
pub fn bench(url: &str, more: &[&str]) -> (i32, Value) {
    bench_as(url, more, &[])
}

pub fn bench_as(url: &str, more: &[&str], variables: &[(&str, &str)]) -> (i32, Value) {
    let arguments = [&["bench", "--url", url], &SHORT[..], more].concat();
    let (code, out, err) = run(&Folder::new(), &arguments, variables);
    assert_eq!(err, "", "{out}");
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}")))
}

#[test]
fn every_message_comes_to_everybody_over_every_transport_and_costs_something() {
    let byway = Byway::start_in(Folder::new().with("byway.toml", HISTORY), &[]);
    let url = format!("http://{}/stomp", byway.address);
    let pid = byway.pid().to_string();
    for transport in
        ["websocket", "raw_websocket", "xhr_streaming", "xhr", "eventsource", "feed_events", "feed_lines", "feed_poll"]
    {
        let (code, report) = bench(&url, &["--transport", transport, "--pid", &pid, "--subscribers", "5"]);
        let messages = &report["messages"];
        assert_eq!((code, &report["transport"]), (0, &json!(transport)), "{report}");
        assert_eq!(report["sessions"]["connected"], 5, "{report}");
        assert_eq!((&messages["published"], &messages["delivered"]), (&json!(50), &json!(250)), "{report}");
        for none in ["lost", "duplicates", "out_of_order", "foreign"] {
            assert_eq!(messages[none], 0, "{none}: {report}");
        }
        let latency = &report["latency_us"];
        assert!(latency["p50"].as_f64() > Some(0.0) && latency["max"].as_f64() >= latency["p99"].as_f64(), "{report}");
        assert!(report["server"]["cpu_seconds"].is_number(), "{report}");
    }
}

#[test]
fn sessions_that_send_for_themselves_get_their_own_back() {
    let byway = Byway::start(&[]);
    for transport in ["websocket", "raw_websocket", "xhr_streaming", "xhr", "eventsource"] {
        let url = format!("http://{}/echo", byway.address);
        let (code, report) = bench(&url, &["--traffic", "echo", "--transport", transport]);
        let messages = &report["messages"];
        assert_eq!((code, &messages["published"], &messages["delivered"]), (0, &json!(50), &json!(50)), "{report}");
    }
}

#[test]
fn a_server_that_loses_repeats_and_swaps_messages_and_turns_sessions_away_is_found_out() {
    let liar = Liar::start();
    let liar = |more: &[&str]| {
        let arguments = ["--transport", "raw_websocket", "--traffic", "broadcast", "--wait", "1s"];
        bench(&liar.0, &[&arguments, more].concat())
    };
    let (code, report) = liar(&["--subscribers", "3"]);
    let messages = json!({
        "published": 50, "expected": 100, "delivered": 90, "lost": 10, "duplicates": 10, "out_of_order": 10, "foreign": 0
    });
    assert_eq!((code, &report["messages"]), (3, &messages), "{report}");
    let rate = |of: &str| report["rates"][of].as_f64().unwrap();
    let (delivered, published) = (rate("delivered_per_second"), rate("published_per_second"));
    assert!(delivered > published, "nine tenths of each came to two; the wait for the rest is in no rate: {report}");
    let sessions = &report["sessions"];
    assert_eq!((&sessions["connected"], &sessions["asked"]), (&json!(2), &json!(3)));
    assert_eq!(sessions["failed"], json!({ "403 Forbidden: not you [2J ok": 1 }));
    let (code, report) = liar(&["--subscribers", "1"]);
    assert_eq!((code, &report["messages"]["lost"]), (3, &json!(5)), "{report}");
}

#[test]
fn a_broker_without_sockjs_and_receipts_is_loaded_all_the_same() {
    let broker = Quiet::start();
    let arguments = ["--transport", "raw_websocket", "--subscribers", "2", "--login", "guest", "--virtual-host", "/"];
    let arguments = [&["bench", "--url", &broker.url], &arguments[..], &SHORT].concat();
    let (code, out, err) = run(&Folder::new(), &arguments, &[("BYWAY_TOKEN", "a passcode")]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert_eq!((code, &report["sessions"]["unconfirmed"]), (0, &json!(2)), "{report}");
    assert_eq!((&report["messages"]["delivered"], &report["messages"]["lost"]), (&json!(100), &json!(0)), "{report}");
    let connect = broker.connects.recv().expect("a CONNECT");
    for header in ["host:/\n", "login:guest\n", "passcode:a passcode\n"] {
        assert!(connect.contains(header), "{connect}");
    }
}

#[test]
fn the_feeds_of_another_server_are_loaded_whatever_it_puts_a_message_in() {
    let stranger = Stranger::start();
    let url = format!("{}/read{{destination}}?key=canary", stranger.url);
    let publish = format!("{}/write?to={{destination}}", stranger.url);
    for transport in ["feed_events", "feed_lines"] {
        let arguments = ["--as-is", "--transport", transport, "--publish-url", &publish, "--subscribers", "3"];
        let (code, report) = bench(&url, &arguments);
        let (messages, expected) = (&report["messages"], json!([50, 150, 0]));
        assert_eq!(json!([messages["published"], messages["delivered"], messages["foreign"]]), expected, "{report}");
        assert_eq!((code, report["url"].as_str()), (0, Some(format!("{}/read/topic/bench", stranger.url).as_str())));
        stranger.head("GET /read/topic/bench?key=canary ");
        stranger.head("POST /write?to=/topic/bench ");
    }
}

#[test]
fn a_feed_is_loaded_by_http_alone_with_a_key_for_publishing() {
    let (key, hash) = api::new_key();
    let byway = Byway::start_in(api::file(&hash, HISTORY), &[]);
    let (url, publish) = (format!("http://{}/stomp", byway.address), format!("http://{}", byway.address));
    let load = |publishers, key| {
        let arguments = ["--transport", "feed_poll", "--publish-url", &publish, "--publishers", publishers];
        bench_as(&url, &[&arguments[..], &["--subscribers", "3", "--wait", "1s"]].concat(), &[("BYWAY_API_KEY", key)])
    };
    let (code, report) = load("2", &key);
    let messages = &report["messages"];
    assert_eq!((code, &messages["published"], &messages["delivered"]), (0, &json!(50), &json!(150)), "{report}");
    let (code, report) = load("1", "canary");
    let failed = report["sessions"]["publishers_failed"].to_string();
    assert!(code == 3 && failed.starts_with("{\"401 Unauthorized: there is no good key;"), "{report}");
    let arguments = ["bench", "--url", &url, "--publish-url", "http://10.0.0.1", "--allow-remote", "10.0.0.1"];
    let (code, _, err) = run(&Folder::new(), &arguments, &[("BYWAY_API_KEY", &key)]);
    assert!(code == 1 && err.contains("BYWAY_API_KEY could be read on its way") && !err.contains(&key), "{err}");
}

#[test]
fn the_table_says_what_the_json_says() {
    let byway = Byway::start(&["--workers", "1"]);
    let url = format!("http://{}/stomp", byway.address);
    let pid = byway.pid().to_string();
    let arguments = [&["bench", "--url", &url, "--pid", &pid, "--subscribers", "5"], &SHORT[..6]].concat();
    let (code, out, err) = run(&Folder::new(), &arguments, &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    for row in [
        "sessions    5 of 5 connected\n",
        "delivered   250 of 250\n",
        "lost        0\n",
        "latency     p50 ",
        "server      ",
    ] {
        assert!(out.contains(row), "{row} is not in\n{out}");
    }
}

#[test]
fn ctrl_c_ends_a_load_early_and_it_reports_all_the_same() {
    let byway = Byway::start(&[]);
    let mut listener = websocket(connect(&byway.address), "/stomp/websocket");
    let frames = "CONNECT\naccept-version:1.2\nhost:x\n\n\0SUBSCRIBE\nid:a\ndestination:/topic/bench\n\n\0";
    listener.send(Message::text(frames)).expect("it is taken");
    let url = format!("http://{}/stomp", byway.address);
    let more = ["--duration", "1h", "--warmup", "0s", "--rate", "1000"];
    let arguments = [&["bench", "--url", &url, "--json"], &more[..]].concat();
    let folder = Folder::new();
    let mut child = folder.byway(&arguments, &[]).stdout(Stdio::piped()).spawn().expect("it starts");
    for _ in 0..20 {
        listener.read().expect("what the load publishes");
    }
    let interrupted = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill runs").success());
    let mut out = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut out).expect("it ends");
    let report: Value = serde_json::from_str(&out).expect("a report");
    assert_eq!(
        (child.wait().expect("it has ended").code(), &report["interrupted"]),
        (Some(0), &json!(true)),
        "{report}"
    );
    assert!(report["messages"]["delivered"].as_u64() > Some(0) && report["messages"]["lost"] == 0, "{report}");
}

#[test]
fn what_cannot_be_loaded_is_said_before_anything_is_sent() {
    let refused = |arguments: &[&str]| {
        let (code, out, err) = run(&Folder::new(), &[&["bench"], arguments].concat(), &[("BYWAY_TOKEN", "canary")]);
        assert!(out.is_empty() && !err.contains("canary"), "{out}{err}");
        (code, err)
    };
    let limited = "ulimit -n 100; exec \"$0\" bench --subscribers 100";
    let limited = Command::new("sh").args(["-c", limited, env!("CARGO_BIN_EXE_byway")]).output().expect("it runs");
    let err = String::from_utf8_lossy(&limited.stderr).into_owned();
    assert!(err.contains("266 files may be open at a time, and the limit is 100: raise it"), "{err}");
    let closed = "http://127.0.0.1:1/stomp";
    for (arguments, code, expected) in [
        (
            &["--url", "https://10.0.0.1/stomp"][..],
            1,
            "10.0.0.1 is not this machine; if it is yours to load, add --allow-remote",
        ),
        (&["--url", "http://10.0.0.1/stomp", "--allow-remote", "10.0.0.1"], 1, "BYWAY_TOKEN could be read on its way"),
        (&["--url", "nonsense"], 1, "--url: expected a URL, such as"),
        (&["--url", closed, "--subscribers", "2"], 1, "2 times: Connection refused"),
        (&["--url", closed, "--pid", "4294967295"], 1, "--pid 4294967295: "),
        (&["--transport", "feed_lines", "--traffic", "echo"], 1, "a feed is of topics"),
        (&["--publish-transport", "feed_lines"], 1, "nothing can be sent by a feed"),
        (&["--publish-url", closed], 1, "BYWAY_API_KEY is missing"),
        (&["--publish-url", closed, "--traffic", "echo"], 1, "only topics are published to"),
        (&["--as-is"], 1, "--as-is: expected --transport feed_events or feed_lines"),
        (&["--as-is", "--transport", "feed_lines"], 1, "--as-is: expected --publish-url, too"),
        (
            &["--as-is", "--transport", "feed_lines", "--publish-url", "http://10.0.0.1/"],
            1,
            "--publish-url: 10.0.0.1 is not this machine",
        ),
        (&["--transport", "jsonp"], 2, "expected one of websocket, raw_websocket"),
        (&["--rate", "0"], 2, "expected a number from 0.01"),
        (&["--size", "10"], 2, "80..=1048576"),
    ] {
        let (ended, err) = refused(arguments);
        assert!(ended == code && err.contains(expected), "{arguments:?}: {ended} {err}");
    }
}

/// All of it from one address without an account. Nothing of it is held up.
#[test]
fn the_load_of_the_readme_stays_within_the_defaults() {
    let byway = Byway::start(&[]);
    let url = format!("http://{}/stomp", byway.address);
    let arguments =
        ["bench", "--url", &url, "--subscribers", "1000", "--rate", "50", "--duration", "2s", "--warmup", "1s"];
    let (code, out, err) = run(&Folder::new(), &[&arguments[..], &["--wait", "60s", "--json"]].concat(), &[]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    assert_eq!((code, &report["sessions"]["connected"]), (0, &json!(1000)), "{report}");
    let metrics = crate::client::get(&byway.address, "/metrics").body;
    let hits = metrics.lines().filter(|line| line.starts_with("byway_limit_hits_total{endpoint=\"stomp\""));
    assert!(hits.clone().count() > 0 && hits.clone().all(|line| line.ends_with(" 0")), "{}", hits.collect::<String>());
    assert!(metrics.contains("\nbyway_connections_refused_total 0\n"), "{metrics}");
}
