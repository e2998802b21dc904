//! What is kept for a client, and more of it than its session may hold: it comes as the client reads.

use crate::support::client::{Kind, kind};
use crate::support::stage::{Plan, Stage, until};
use crate::support::stomp::{Frame, Heard, StompClient};
use byway::broker::HistorySettings;
use byway::messaging::Text;
use byway::{Disconnect, Transport};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::unbounded_channel;

const TOPIC: &str = "/topic/kept/a";
const QUEUE: &str = "/queue/a";
const LARGE: usize = 60_000;

/// A server that keeps so many publications of each topic, whatever they weigh.
fn keeping(row: Transport, messages: usize) -> Stage {
    let pattern = "/topic/kept/*".parse().expect("a pattern");
    let history = HistorySettings { messages, bytes: 1 << 26, ..HistorySettings::new(pattern) };
    Plan::new(row).broker(|broker| broker.history = vec![history]).start()
}

fn publish(stage: &Stage, destination: &str, numbers: Range<usize>, size: usize) {
    let send = |body: String| stage.messenger.send_payload(destination, Text(body.into())).expect("there is room");
    numbers.for_each(|number| send(format!("{number:0size$}")));
}

fn number(message: &Frame) -> usize {
    message.text().parse().expect("a number")
}

/// The number in the `offset` header.
fn offset(message: &Frame) -> usize {
    let offset = message.header("offset").expect("every message of a topic with a history has one");
    offset.split_once('-').expect("an epoch and a number").1.parse().expect("a number")
}

async fn listen(client: &mut StompClient, id: &str, topic: &str, past: (&str, &str)) {
    client.send("SUBSCRIBE", &[("id", id), ("destination", topic), past], "").await;
}

async fn numbers(client: &mut StompClient, count: usize) -> Vec<usize> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        numbers.push(number(&client.message().await));
    }
    numbers
}

/// Reads up to the receipt of this name: the messages before it.
async fn until_receipt(client: &mut StompClient, id: &str) -> Vec<Frame> {
    let mut messages = Vec::new();
    loop {
        let frame = client.frame().await;
        if frame.command == "RECEIPT" {
            assert_eq!(frame.header("receipt-id"), Some(id));
            return messages;
        }
        assert_eq!(frame.command, "MESSAGE", "{frame:?}");
        messages.push(frame);
    }
}

pub async fn a_past_that_is_larger_than_a_session_s_queue_comes_as_its_client_reads(row: Transport) {
    let pattern = "/topic/kept/*".parse().expect("a pattern");
    let stage = Plan::new(row).broker(|broker| broker.history = vec![HistorySettings::new(pattern)]).start();
    let topics = ["/topic/kept/a", "/topic/kept/b", "/topic/kept/c"];
    topics.iter().for_each(|topic| publish(&stage, topic, 0..40, 15_000));
    let mut client = stage.connect().await;
    for (id, topic) in topics.iter().enumerate() {
        listen(&mut client, &id.to_string(), topic, ("history", "40")).await;
    }
    let mut got = [const { Vec::new() }; 3];
    for _ in 0..120 {
        let message = client.message().await;
        let id: usize = message.header("subscription").unwrap().parse().unwrap();
        got[id].push(number(&message));
    }
    assert!(got.iter().all(|numbers| numbers.iter().copied().eq(0..40)), "{got:?}");
    publish(&stage, topics[1], 40..41, 1);
    assert_eq!(numbers(&mut client, 1).await, [40], "what is live comes behind");
}

pub async fn what_is_published_while_a_past_is_read_comes_behind_it_once_and_in_order(row: Transport) {
    let stage = keeping(row, 1000);
    publish(&stage, TOPIC, 0..150, LARGE);
    let mut client = stage.connect().await;
    listen(&mut client, "0", TOPIC, ("history", "1000")).await;
    assert_eq!(numbers(&mut client, 1).await, [0]);
    publish(&stage, TOPIC, 150..200, LARGE);
    let got = numbers(&mut client, 150).await;
    publish(&stage, TOPIC, 200..230, 1);
    let all: Vec<_> = got.into_iter().chain(numbers(&mut client, 79).await).collect();
    assert!(all.iter().copied().eq(1..230), "{all:?}");
    assert_eq!(stage.endings("slow_consumer"), 0);
}

pub async fn what_a_history_loses_while_it_is_read_is_a_gap_in_its_place(row: Transport) {
    let stage = keeping(row, 150);
    publish(&stage, TOPIC, 1..151, LARGE);
    let mut client = stage.connect().await;
    listen(&mut client, "0", TOPIC, ("history", "150")).await;
    assert_eq!(offset(&client.message().await), 1);
    publish(&stage, TOPIC, 151..401, 4);
    let (mut last, mut lost) = (1, 0);
    while last < 400 {
        let message = client.message().await;
        if let Some(gap) = message.header("gap") {
            let missing: usize = gap.parse().expect("how many are missing is known");
            (lost, last) = (lost + missing, last + missing);
            continue;
        }
        last += 1;
        assert_eq!((offset(&message), number(&message)), (last, last));
    }
    assert!(lost > 0 || kind(row) != Kind::Poll, "a poll had not got all of it");
}

pub async fn an_unsubscribe_ends_a_past_that_is_half_told(row: Transport) {
    let stage = keeping(row, 1000);
    publish(&stage, TOPIC, 0..150, LARGE);
    let mut client = stage.connect().await;
    listen(&mut client, "0", TOPIC, ("history", "1000")).await;
    assert_eq!(numbers(&mut client, 1).await, [0]);
    client.send("UNSUBSCRIBE", &[("id", "0"), ("receipt", "ended")], "").await;
    let rest = until_receipt(&mut client, "ended").await;
    assert!(rest.iter().map(number).eq(1..=rest.len()));
    assert!(rest.len() < 149 || kind(row) != Kind::Poll, "a poll had not got all of it");
    publish(&stage, TOPIC, 150..151, 1);
    client.settle().await;
}

pub async fn nothing_comes_behind_the_receipt_of_an_unsubscribe_and_nothing_twice(row: Transport) {
    const COUNT: usize = 4000;
    let stage = keeping(row, COUNT);
    let messenger = stage.messenger.clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let publishing = tokio::task::spawn_blocking(move || {
        let mut number = 1;
        while number <= COUNT && !over.load(Ordering::Relaxed) {
            let sent = messenger.send_payload(TOPIC, Text(number.to_string().into()));
            number += usize::from(sent.is_ok());
            std::thread::yield_now();
        }
    });
    let mut client = stage.connect().await;
    let (mut last, mut since) = (0, "0-0".to_owned());
    while last < COUNT {
        listen(&mut client, "0", TOPIC, ("since", &since)).await;
        let mut messages = vec![client.message().await];
        client.send("UNSUBSCRIBE", &[("id", "0"), ("receipt", "ended")], "").await;
        messages.extend(until_receipt(&mut client, "ended").await);
        for message in messages.iter().filter(|message| message.header("gap").is_none()) {
            assert_eq!(number(message), last + 1, "of {messages:?}");
            last += 1;
            since = message.header("offset").unwrap().to_owned();
        }
    }
    is_over.store(true, Ordering::Relaxed);
    publishing.await.expect("all were published");
}

/// Reads what one consumer gets, and tells of it.
async fn consume(mut client: StompClient, got: tokio::sync::mpsc::UnboundedSender<Frame>) {
    loop {
        match client.next().await {
            Heard::Frame(frame) => {
                let ack = frame.header("ack").map(str::to_owned);
                if got.send(frame).is_err() {
                    return;
                }
                if let Some(ack) = ack {
                    client.ack(&ack).await;
                }
            }
            end => panic!("{end:?}"),
        }
    }
}

pub async fn consumers_are_handed_what_they_have_room_for_and_nothing_is_lost(row: Transport) {
    for ack in ["auto", "client-individual"] {
        let stage = Plan::new(row).broker(|broker| broker.queue.max_deliveries = 1).start();
        publish(&stage, QUEUE, 0..100, LARGE);
        let (got, mut all) = unbounded_channel();
        for _ in 0..5 {
            let mut client = stage.connect().await;
            client.listen("0", QUEUE, ack).await;
            tokio::spawn(consume(client, got.clone()));
        }
        let mut numbers = BTreeSet::new();
        while numbers.len() < 100 {
            let message = all.recv().await.expect("no consumer ends");
            assert!(matches!(message.header("delivery-count"), None | Some("1")), "{message:?}");
            assert!(numbers.insert(number(&message)), "{} came twice", number(&message));
        }
        assert_eq!((stage.endings("slow_consumer"), stage.server.byway.stats().queue_losses.len()), (0, 0));
    }
}

pub async fn a_backlog_of_many_megabytes_reaches_one_reader_in_order(row: Transport) {
    read_backlog(&roomy(row).start(), 256).await;
}

fn roomy(row: Transport) -> Plan {
    Plan::new(row).broker(|broker| broker.queue.max_bytes = 1 << 27)
}

async fn read_backlog(stage: &Stage, count: usize) {
    publish(stage, QUEUE, 0..count, LARGE);
    let mut client = stage.connect().await;
    client.listen("0", QUEUE, "auto").await;
    assert!(numbers(&mut client, count).await.into_iter().eq(0..count));
    assert_eq!(stage.endings("slow_consumer"), 0);
}

/// TLS too is a stream that only the session's driver writes to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_megabytes_reach_a_reader_whom_only_its_driver_writes() {
    let stage = roomy(Transport::RawWebsocket).start_inside_poem().await;
    read_backlog(&stage, 1120).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_reaches_a_reader_whom_only_its_driver_writes() {
    let pattern = "/topic/kept/*".parse().expect("a pattern");
    let history = HistorySettings { messages: 1000, bytes: 1 << 26, ..HistorySettings::new(pattern) };
    let plan = Plan::new(Transport::RawWebsocket).broker(|broker| broker.history = vec![history]);
    let stage = plan.start_inside_poem().await;
    publish(&stage, TOPIC, 0..200, LARGE);
    let mut client = stage.connect().await;
    listen(&mut client, "0", TOPIC, ("history", "200")).await;
    assert!(numbers(&mut client, 200).await.into_iter().eq(0..200));
    publish(&stage, TOPIC, 200..201, 1);
    assert_eq!(numbers(&mut client, 1).await, [200]);
}

pub async fn what_was_not_written_to_a_lost_consumer_goes_back_in_order_and_uncounted(row: Transport) {
    for ack in ["auto", "client-individual"] {
        let stage = Plan::new(row).broker(|broker| broker.queue.max_deliveries = 2).start();
        publish(&stage, QUEUE, 0..200, LARGE);
        // A poll takes nothing that it is not asked for, so nobody has read anything.
        for _ in 0..if kind(row) == Kind::Poll { 5 } else { 1 } {
            let mut lost = stage.connect().await;
            lost.listen("0", QUEUE, ack).await;
            let session = stage.server.byway.sessions().into_iter().find(|session| session.is_open()).unwrap();
            until(|| session.queued().0 > 0).await;
            session.close();
            until(|| stage.server.byway.sessions().iter().all(|session| !session.is_open())).await;
        }
        let mut client = stage.connect().await;
        let prefetch = ("prefetch-count", "1000");
        let headers = [("id", "0"), ("destination", QUEUE), ("ack", "client-individual"), prefetch];
        client.send("SUBSCRIBE", &headers, "").await;
        let mut got = Vec::new();
        while got.last().is_none_or(|(number, _)| *number < 199) {
            let message = client.message().await;
            got.push((number(&message), message.header("delivery-count").unwrap() == "1"));
        }
        assert!(got.iter().map(|(number, _)| *number).eq(got[0].0..200), "{got:?}");
        let unread = got.iter().position(|(_, is_first)| *is_first).expect("not all was written");
        assert!(got[unread..].iter().all(|(_, is_first)| *is_first), "{got:?}");
        assert_eq!((got[0].0, unread), if ack == "auto" { (got[0].0, 0) } else { (0, unread) });
        assert!(kind(row) != Kind::Poll || got[0] == (0, true), "{got:?}");
    }
}

pub async fn nothing_comes_behind_the_receipt_of_a_disconnect(row: Transport) {
    let stage = keeping(row, 1);
    for _ in 0..5 {
        let mut client = stage.connect().await;
        client.subscribe("0", TOPIC, &[]).await;
        let messenger = stage.messenger.clone();
        let publishing = tokio::task::spawn_blocking(move || {
            (0..500).for_each(|number| _ = messenger.send_payload(TOPIC, Text(number.to_string().into())));
        });
        client.message().await;
        client.send("DISCONNECT", &[("receipt", "parted")], "").await;
        until_receipt(&mut client, "parted").await;
        client.closes(&Disconnect::NORMAL).await;
        publishing.await.expect("all were published");
    }
}

pub async fn an_unsubscribe_gives_back_what_waits_for_its_client(row: Transport) {
    let stage = Plan::new(row).start();
    publish(&stage, QUEUE, 0..200, LARGE);
    let mut client = stage.connect().await;
    client.listen("0", QUEUE, "auto").await;
    client.send("UNSUBSCRIBE", &[("id", "0"), ("receipt", "ended")], "").await;
    let mut got: Vec<_> = until_receipt(&mut client, "ended").await.iter().map(number).collect();
    let mut other = stage.connect().await;
    other.listen("0", QUEUE, "auto").await;
    got.extend(numbers(&mut other, 200 - got.len()).await);
    assert!(got.iter().copied().eq(0..200), "{got:?}");
}

pub async fn a_full_queue_has_room_again_when_its_consumer_was_written_to(row: Transport) {
    let stage = Plan::new(row).broker(|broker| broker.queue.max_messages = 2).start();
    let mut client = stage.connect().await;
    client.subscribe("0", QUEUE, &[]).await;
    for round in 0..20 {
        publish(&stage, QUEUE, 2 * round..2 * round + 2, 4);
        assert_eq!(numbers(&mut client, 2).await, [2 * round, 2 * round + 1]);
    }
}
