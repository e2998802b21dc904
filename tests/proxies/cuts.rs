//! Answers that are cut off at every byte.

use crate::in_time;
use crate::reader::{Format, News};
use crate::stage::{KEPT, Stage, numbers};

const ALL: usize = 6;

/// The body of a stream with messages in it, to the end of the last, and where its reader began.
async fn recorded(stage: &Stage, format: &str, begin: &str) -> String {
    let mut http = stage.http().await;
    http.send("GET", &format!("/e/feed/topic/kept/a?format={format}&after={begin}"), &[], b"").await;
    in_time(http.head()).await;
    let mut body = String::new();
    while !body.contains("the last") {
        body.push_str(&in_time(http.chunk()).await.expect("the stream goes on"));
    }
    body
}

/// What is heard by a reader whose first answer is cut off behind `seen`, and who then asks for the rest.
async fn heard(stage: &Stage, format: Format, seen: &str, begin: &str) -> Vec<String> {
    let mut heard = Vec::new();
    let id = News::of(format).read(seen, &mut heard).unwrap_or(begin.to_owned());
    let (_, messages, _) = stage.poll(&format!("/topic/kept/a?after={id}&wait=0")).await;
    heard.extend(messages.iter().map(|message| message["body"].as_str().expect("text").to_owned()));
    heard
}

#[tokio::test]
async fn wherever_an_answer_is_cut_off_nothing_is_lost_and_nothing_comes_twice() {
    let stage = Stage::start();
    let (_, _, begin) = stage.poll("/topic/kept/a?wait=0").await;
    let expected = [numbers(0..ALL), vec!["the last".to_owned()]].concat();
    stage.publish(KEPT, expected.clone());
    for (format, name) in [(Format::Events, "events"), (Format::Lines, "lines"), (Format::Poll, "poll")] {
        let body = recorded(&stage, name, &begin).await;
        for cut in 0..=body.len() {
            let heard = heard(&stage, format, &body[..cut], &begin).await;
            assert_eq!(heard, expected, "{name} cut off behind {cut} bytes");
        }
    }
}
