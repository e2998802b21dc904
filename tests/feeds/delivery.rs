//! What reaches every reader.

use crate::client::{Heard, accept, arrived};
use crate::in_time;
use crate::stage::{KEPT, LIVE, OTHER, Plan, Stage, numbers};
use byway::messaging::Text;
use byway::{Destination, Message, Publication, Transport};

pub async fn every_kind_of_text_arrives(row: Transport) {
    let stage = Stage::start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    let texts = [
        "",
        " ",
        " leading and trailing ",
        "grüße, 🌍",
        "\0",
        "a\0b",
        "\u{feff}",
        "\u{85}\u{2028}\u{2029}",
        "\"\\\"",
        "\t\u{1b}[0m\u{7f}",
        "data: x",
        "id: 7",
        "event: end",
        ": comment",
        "{\"event\":\"end\"}",
        "]",
        "\n",
        "\r",
        "\r\n\r\n",
        "one\ntwo\r\nthree\rfour\n",
        "\n\nid: 7\n\ndata: x\n\n",
    ];
    for text in texts {
        stage.publish(KEPT, [text]);
        assert_eq!(feed.next().await, arrived(row, text));
    }
}

pub async fn bytes_that_are_no_text_arrive_in_base64(row: Transport) {
    let stage = Stage::start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    let body = Message::Binary(vec![0, 0xff, b'\n'].into());
    stage.messenger.publish(Publication::new(Destination::parse(KEPT).unwrap(), body)).unwrap();
    assert_eq!(feed.next().await, Heard::Binary("AP8K".to_owned()));
}

pub async fn large_messages_pass(row: Transport) {
    let stage = Stage::start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    for large in ["x".repeat(100_000), "é🌍".repeat(20_000), "line\n".repeat(20_000), "\0".repeat(100_000)] {
        stage.publish(KEPT, [large.as_str()]);
        assert_eq!(feed.take(1).await, [large]);
    }
}

pub async fn many_messages_that_are_published_at_once_arrive_in_order(row: Transport) {
    let stage = Plan::new().with(|plan| plan.kept = 1000).start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    feed.park(&stage).await;
    stage.publish(KEPT, numbers(0..1000));
    assert_eq!(feed.take(1000).await, numbers(0..1000));
}

pub async fn all_readers_hear_racing_publishers_in_one_order(row: Transport) {
    const EACH: usize = 100;
    let stage = Plan::new().with(|plan| plan.kept = 3 * EACH).start();
    let (mut one, mut other) = (stage.read(row, "/topic/kept/a").await, stage.read(row, "/topic/kept/a").await);
    let publishers = ["a", "b", "c"].map(|name| {
        let messenger = stage.messenger.clone();
        tokio::task::spawn_blocking(move || {
            (0..EACH).for_each(|n| messenger.send_payload(KEPT, Text(format!("{name}{n}").into())).unwrap());
        })
    });
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let heard = one.take(3 * EACH).await;
    assert_eq!(other.take(3 * EACH).await, heard);
    for name in ["a", "b", "c"] {
        let of_one = heard.iter().filter_map(|text| text.strip_prefix(name)).map(str::to_owned);
        assert_eq!(of_one.collect::<Vec<_>>(), numbers(0..EACH));
    }
}

pub async fn whoever_was_cut_off_at_any_message_gets_exactly_the_rest(row: Transport) {
    let stage = Stage::start();
    let mut all = stage.read(row, "/topic/kept/a").await;
    let mut ids = vec![all.last_id.clone()];
    for number in numbers(0..5) {
        stage.publish(KEPT, [number]);
        all.take(1).await;
        ids.push(all.last_id.clone());
    }
    for (seen, id) in ids.iter().enumerate() {
        let by_header = stage.read_with(row, "/topic/kept/a", &[("Last-Event-ID", id)]).await;
        let by_query = stage.read(row, &format!("/topic/kept/a?after={id}")).await;
        let by_other_name = stage.read(row, &format!("/topic/kept/a?last_event_id={id}")).await;
        stage.publish(LIVE, ["elsewhere"]);
        for mut feed in [by_header, by_query, by_other_name] {
            assert_eq!(feed.take(5 - seen).await, numbers(seen..5));
        }
    }
    let mut last = stage.read(row, &format!("/topic/kept/a?after={}", ids[2])).await;
    stage.publish(KEPT, ["live"]);
    assert_eq!(last.take(4).await, [numbers(2..5), vec!["live".to_owned()]].concat());
}

pub async fn the_last_of_a_history_come_first_only_for_who_does_not_come_back(row: Transport) {
    let stage = Stage::start();
    stage.publish(KEPT, numbers(0..4));
    let mut first = stage.read(row, "/topic/kept/a?history=2").await;
    assert_eq!(first.take(2).await, ["2", "3"]);
    stage.publish(KEPT, ["4"]);
    let id = [("Last-Event-ID", first.last_id.as_str())];
    let mut again = stage.read_with(row, "/topic/kept/a?history=2", &id).await;
    assert_eq!(again.take(1).await, ["4"]);
}

pub async fn what_is_not_kept_any_more_is_told_before_what_is_and_only_once(row: Transport) {
    let stage = Plan::new().with(|plan| plan.kept = 3).start();
    let id = stage.read(row, "/topic/kept/a").await.last_id;
    stage.publish(KEPT, numbers(0..10));
    let mut feed = stage.read_with(row, "/topic/kept/a", &[("Last-Event-ID", &id)]).await;
    assert_eq!(feed.next().await, Heard::Gap(Some(7)));
    let behind_the_gap = feed.last_id.clone();
    assert_eq!(feed.take(3).await, numbers(7..10));
    let mut told = stage.read_with(row, "/topic/kept/a", &[("Last-Event-ID", &behind_the_gap)]).await;
    assert_eq!(told.take(3).await, numbers(7..10));
}

pub async fn an_id_of_another_life_brings_all_that_is_kept_behind_an_unknown_gap(row: Transport) {
    let stage = Stage::start();
    stage.publish(KEPT, ["kept"]);
    // Of another life, of what nobody can come back to, of another server, of other destinations, and of nothing at all.
    for id in ["1-7", "live-7", "42", "1-1.2-2", "-", "live-", "caf\u{e9}", "99999999999999999999-1"] {
        let mut feed = stage.read_with(row, "/topic/kept/a", &[("Last-Event-ID", id)]).await;
        assert_eq!(feed.next().await, Heard::Gap(None), "{id}");
        assert_eq!(feed.take(1).await, ["kept"]);
    }
    let mut feed = stage.read_with(row, BOTH, &[("Last-Event-ID", "42")]).await;
    let mut heard = [feed.next().await, feed.next().await, feed.next().await];
    heard.sort_by_key(|heard| matches!(heard, Heard::Text(_)));
    assert_eq!(heard, [Heard::Gap(None), Heard::Gap(None), Heard::Text("kept".to_owned())]);
}

const BOTH: &str = "?destination=/topic/kept/a&destination=/topic/kept/b";

pub async fn a_feed_of_several_destinations_is_come_back_to_in_each_of_them(row: Transport) {
    let stage = Stage::start();
    let mut feed = stage.read(row, BOTH).await;
    let mut seen = Vec::new();
    for number in 0..4 {
        for (destination, name) in [(KEPT, "a"), (OTHER, "b")] {
            stage.publish(destination, [format!("{name}{number}")]);
            seen.push((feed.take(1).await.remove(0), feed.last_id.clone()));
        }
    }
    for cut in 0..8 {
        let mut again = stage.read_with(row, BOTH, &[("Last-Event-ID", &seen[cut].1)]).await;
        let mut rest = again.take(seen.len() - 1 - cut).await;
        rest.sort();
        let mut expected: Vec<_> = seen[cut + 1..].iter().map(|(text, _)| text.clone()).collect();
        expected.sort();
        assert_eq!(rest, expected, "behind {:?}", seen[cut]);
        // Nothing comes twice before it.
        stage.publish(OTHER, ["live"]);
        assert_eq!(again.take(1).await, ["live"]);
        seen.push(("live".to_owned(), again.last_id.clone()));
    }
}

pub async fn an_http_1_0_client_reads_it(row: Transport) {
    let stage = Stage::start();
    stage.publish(KEPT, ["one"]);
    let mut http = stage.http().await;
    let (name, media) = accept(row);
    let request = format!("GET /e/feed/topic/kept/a?history=1 HTTP/1.0\r\nHost: byway.test\r\n{name}: {media}\r\n\r\n");
    http.write(request.as_bytes()).await;
    let head = in_time(http.head()).await;
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    assert_eq!(head.header("content-length").is_some(), row == Transport::FeedPoll);
    let mut body = String::new();
    while !body.contains("one") {
        body.push_str(&in_time(http.chunk()).await.expect("it comes before the end"));
    }
}

pub async fn what_was_handed_out_is_counted_whether_it_is_live_or_of_the_past(row: Transport) {
    let stage = Stage::start();
    stage.publish(KEPT, numbers(0..3));
    let mut feed = stage.read(row, "/topic/kept/a?history=3").await;
    feed.take(3).await;
    stage.publish(KEPT, ["3"]);
    feed.take(1).await;
    let traffic = stage.server.byway.stats().traffic;
    assert_eq!(traffic.messages_out, 4);
    assert!(traffic.bytes_out > 4 * "id: 0-0".len() as u64, "{traffic:?}");
}

/// Published as fast as the hub takes it, to one who reads all the time.
async fn burst(stage: Stage, row: Transport) {
    const MANY: usize = 120;
    let mut feed = stage.read(row, "/topic/kept/a").await;
    let publishing = async {
        for number in 0..MANY {
            let body = format!("{number:020000}");
            while stage.messenger.send_payload(KEPT, Text(body.clone().into())).is_err() {
                tokio::task::yield_now().await;
            }
        }
    };
    let (heard, ()) = tokio::join!(feed.take(MANY), publishing);
    let heard: Vec<usize> = heard.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(heard, (0..MANY).collect::<Vec<_>>());
    assert_eq!(stage.count("slow_consumer"), 0);
}

pub async fn a_burst_closes_nobody_who_reads(row: Transport) {
    burst(Plan::new().with(|plan| plan.kept = 200).start(), row).await;
}

pub async fn a_burst_over_tls_closes_nobody_who_reads(row: Transport) {
    burst(Plan::new().with(|plan| plan.kept = 200).start_tls().await, row).await;
}
