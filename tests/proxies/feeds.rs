//! Feeds through a proxy of each kind.

use crate::in_time;
use crate::reader::{Format, Reader, Why};
use crate::stage::{KEPT, Plan, Stage, numbers};
use crate::support::proxy::{Habits, Proxy};
use std::time::Duration;

const HEARTBEAT: Duration = Duration::from_millis(20);
const IDLE: Duration = Duration::from_millis(300);
const ALL: usize = 40;

fn plan() -> Plan {
    Plan::new().with(|plan| {
        plan.feeds.heartbeat = HEARTBEAT;
        plan.feeds.max_wait = HEARTBEAT * 5;
    })
}

/// Reads numbered messages to the last one, of which a few are always to be heard, and says what the reader was at the end.
async fn read_all(stage: &Stage, habits: Habits, format: Format) -> Reader {
    let proxy = Proxy::start(stage.server.address, habits).await;
    let (_, _, begin) = stage.poll("/topic/kept/a?wait=0").await;
    let mut reader = Reader::new(proxy.address, format, begin);
    let mut published = 0;
    let mut publish = |count: usize| {
        stage.publish(KEPT, numbers(published..ALL.min(published + count)));
        published = ALL.min(published + count);
    };
    publish(3);
    while reader.heard.len() < ALL {
        in_time(reader.turn(ALL, || publish(1))).await;
    }
    assert_eq!(reader.heard, numbers(0..ALL), "none is lost, and none comes twice");
    reader
}

/// Reads in every format. Streams that do not get through give way to polls for the reason that is named for each.
async fn passes(habits: Habits, events: Option<Why>, lines: Option<Why>) {
    let passes = async |format, gives_way| {
        let reader = read_all(&plan().start(), habits.clone(), format).await;
        assert_eq!(reader.gave_way, gives_way, "{format:?} through {habits:?}");
    };
    tokio::join!(passes(Format::Events, events), passes(Format::Lines, lines), passes(Format::Poll, None));
}

#[tokio::test]
async fn feeds_pass_through_a_proxy_that_does_nothing() {
    passes(Habits::default(), None, None).await;
}

#[tokio::test]
async fn feeds_pass_through_what_resets_answers_after_so_many_bytes() {
    passes(Habits { cuts_at: Some(3000), ..Habits::default() }, None, None).await;
    // An event source's opening alone is longer.
    passes(Habits { cuts_at: Some(1500), ..Habits::default() }, Some(Why::Ended), None).await;
}

#[tokio::test]
async fn feeds_pass_through_what_closes_answers_after_so_many_bytes() {
    passes(Habits { ends_at: Some(3000), ..Habits::default() }, None, None).await;
    passes(Habits { ends_at: Some(1500), ..Habits::default() }, Some(Why::Ended), None).await;
}

#[tokio::test]
async fn feeds_pass_through_what_falls_silent_amid_an_answer() {
    passes(Habits { stalls_at: Some(4000), ..Habits::default() }, None, None).await;
    passes(Habits { stalls_at: Some(1500), ..Habits::default() }, Some(Why::Silent), None).await;
}

#[tokio::test]
async fn feeds_give_way_to_polls_where_answers_are_held_until_they_end() {
    passes(Habits { holds_all: true, ..Habits::default() }, Some(Why::Silent), Some(Why::Silent)).await;
}

#[tokio::test]
async fn streams_that_end_in_time_pass_through_what_holds_them_until_they_end() {
    for format in [Format::Events, Format::Lines] {
        let stage = plan().with(|plan| plan.feeds.stream_time = Some(HEARTBEAT * 5)).start();
        let reader = read_all(&stage, Habits { holds_all: true, ..Habits::default() }, format).await;
        assert_eq!((reader.gave_way, reader.turns > 1), (None, true));
    }
}

#[tokio::test]
async fn streams_of_limited_length_pass_whole_through_what_cuts_longer_ones() {
    let habits = Habits { cuts_at: Some(4000), holds_all: true, ..Habits::default() };
    for format in [Format::Events, Format::Lines] {
        let stage = plan().with(|plan| plan.feeds.response_limit = Some(1)).start();
        let reader = read_all(&stage, habits.clone(), format).await;
        assert_eq!((reader.gave_way, reader.turns), (None, ALL), "each stream brings one message and ends");
    }
}

#[tokio::test]
async fn heartbeats_push_feeds_through_what_holds_each_message_until_the_next() {
    passes(Habits { holds_last: true, ..Habits::default() }, None, None).await;
}

#[tokio::test]
async fn feeds_pass_through_small_buffers_and_give_way_to_polls_in_large_ones() {
    passes(Habits { blocks: Some(64), ..Habits::default() }, None, None).await;
    passes(Habits { blocks: Some(64 * 1024), ..Habits::default() }, Some(Why::Silent), Some(Why::Silent)).await;
}

#[tokio::test]
async fn feeds_pass_through_what_speaks_http_1_0_on_either_side() {
    for (old_to_server, old_to_client) in [(true, false), (false, true), (true, true)] {
        passes(Habits { old_to_server, old_to_client, ..Habits::default() }, None, None).await;
    }
}

#[tokio::test]
async fn feeds_pass_through_what_strips_upgrades_and_rewrites_headers() {
    passes(Habits { strips_upgrade: true, rewrites_headers: true, ..Habits::default() }, None, None).await;
}

#[tokio::test]
async fn feeds_pass_through_what_drops_every_other_connection() {
    passes(Habits { drops_one_of: Some(2), ..Habits::default() }, None, None).await;
}

#[tokio::test]
async fn feeds_pass_through_all_of_it_at_once() {
    let habits = Habits {
        old_to_server: true,
        old_to_client: true,
        rewrites_headers: true,
        strips_upgrade: true,
        blocks: Some(16),
        cuts_at: Some(2999),
        drops_one_of: Some(3),
        ..Habits::default()
    };
    passes(habits, None, None).await;
}

#[tokio::test]
async fn heartbeats_keep_streams_from_what_closes_idle_connections() {
    for format in [Format::Events, Format::Lines] {
        let stage = plan().start();
        let proxy = Proxy::start(stage.server.address, Habits { idle: Some(IDLE), ..Habits::default() }).await;
        let (_, _, begin) = stage.poll("/topic/kept/a?wait=0").await;
        let mut reader = Reader::new(proxy.address, format, begin);
        let late = async {
            // The silence is what the proxy would close the connection for.
            tokio::time::sleep(IDLE * 2).await;
            stage.publish(KEPT, ["late"]);
        };
        tokio::join!(in_time(reader.turn(1, || {})), late);
        assert_eq!((reader.heard.len(), proxy.connections()), (1, 1), "{format:?}");
    }
}
