//! What goes in comes out, in order and unharmed.

use crate::stage::Plan;
use crate::support::client::Client;
use byway::Transport;

async fn echoed(client: &mut Client, messages: &[&str]) {
    client.send(messages).await;
    for message in messages {
        assert_eq!(client.message().await, *message);
    }
}

async fn echo(row: Transport) -> Client {
    Plan::new(row).echo().start_for_one().await
}

impl Plan {
    /// Starts a server that lives as long as its process, and a client of it.
    async fn start_for_one(self) -> Client {
        let stage = Box::leak(Box::new(self.start()));
        stage.client().open().await
    }
}

pub async fn echo_keeps_order(row: Transport) {
    let mut client = echo(row).await;
    let numbers: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    for some in numbers.chunks(10) {
        client.send(&some.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    for number in numbers {
        assert_eq!(client.message().await, number);
    }
}

pub async fn every_kind_of_character_survives(row: Transport) {
    let controls: String = ('\0'..='\u{9f}').collect();
    let mangled: String = ('\u{200b}'..='\u{2070}').chain('\u{ffef}'..='\u{ffff}').collect();
    let messages = [
        controls.as_str(),
        &mangled,
        "\u{ad}\u{600}\u{70f}\u{17b4}\u{feff}\u{fffe}",
        "ünï 漢字 😀 👩‍👩‍👧 \u{10ffff}",
        "</script><script>alert(1)</script><!--",
        "100% %25 %zz %",
        "\"quotes\" and \\backslashes\\ and /slashes/",
        "data: x\r\n\r\nevent: y",
        "a[\"m\"]",
        "  leading and trailing  ",
        "a=b&c=d+e",
    ];
    let mut client = echo(row).await;
    for message in messages {
        echoed(&mut client, &[message]).await;
    }
    echoed(&mut client, &messages).await;
}

pub async fn an_empty_message_is_a_message(row: Transport) {
    let mut client = echo(row).await;
    echoed(&mut client, &[""]).await;
    echoed(&mut client, &["", "x", ""]).await;
}

pub async fn an_empty_array_is_no_message(row: Transport) {
    let mut client = echo(row).await;
    client.send_json("[]").await;
    echoed(&mut client, &["x"]).await;
}

pub async fn lone_surrogates_are_read_as_replacement_characters(row: Transport) {
    let mut client = echo(row).await;
    client.send_json(r#"["a\ud800b","\udc00\ud83d","\ud83d\ude00"]"#).await;
    for message in ["a\u{fffd}b", "\u{fffd}\u{fffd}", "😀"] {
        assert_eq!(client.message().await, message);
    }
}

pub async fn large_messages_pass_both_ways(row: Transport) {
    let mut client = echo(row).await;
    for filling in ["x", "é", "%<"] {
        echoed(&mut client, &[&filling.repeat(100_000 / filling.len())]).await;
    }
}

pub async fn many_messages_sent_at_once_all_arrive(row: Transport) {
    let mut client = echo(row).await;
    echoed(&mut client, &["x"; 500]).await;
}
