//! Long queues of messages that replace and drop each other, against a list.

use byway::session::{OnFull, OutboundQueue, Outgoing};
use byway::{Message, Overflow};
use proptest::prelude::*;

/// Long enough for an index, and for keys that do not all fit.
const LIMITS: (usize, usize) = (60, 300);

#[derive(Debug, Clone)]
enum Op {
    Push(OnFull, usize),
    Pop(usize),
    /// Takes some, and releases those.
    Take(usize),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let key = prop_oneof![0..100_u64, (0..4_u64).prop_map(|high| high << 61)];
    let policy = prop_oneof![
        8 => key.prop_map(OnFull::KeepNewest),
        2 => Just(OnFull::DropOldest),
        1 => Just(OnFull::Close),
    ];
    prop_oneof![
        60 => (policy, 4..9_usize).prop_map(|(policy, length)| Op::Push(policy, length)),
        3 => (0..20_usize).prop_map(Op::Pop),
        3 => (0..20_usize).prop_map(Op::Take),
        1 => Just(Op::Clear),
    ]
}

#[derive(Debug, Default)]
struct Model(Vec<(String, OnFull)>);

impl Model {
    fn is_over(&self) -> bool {
        let bytes: usize = self.0.iter().map(|(text, _)| text.len()).sum();
        self.0.len() > 1 && (self.0.len() > LIMITS.0 || bytes > LIMITS.1)
    }

    fn push(&mut self, text: &str, policy: OnFull) -> (usize, bool) {
        let same = |(_, other): &(String, OnFull)| matches!(policy, OnFull::KeepNewest(_)) && *other == policy;
        let place = self.0.iter().position(same);
        match place {
            Some(place) => text.clone_into(&mut self.0[place].0),
            None => self.0.push((text.to_owned(), policy)),
        }
        let mut dropped = 0;
        while policy != OnFull::Close && self.is_over() {
            let may_go = |(other, policy): &(String, OnFull)| other != text && *policy != OnFull::Close;
            let Some(oldest) = self.0.iter().position(may_go) else { break };
            self.0.remove(oldest);
            dropped += 1;
        }
        (dropped, place.is_some())
    }
}

fn waiting(queue: &OutboundQueue) -> Vec<&str> {
    queue.waiting().map(|message| message.message().as_str().unwrap()).collect()
}

fn take(queue: &mut OutboundQueue, count: usize) {
    for _ in 0..count {
        let Some((number, _)) = queue.take() else { break };
        if number % 3 == 0 {
            queue.release(number);
        }
    }
    queue.release(u64::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_long_queue_keeps_replaces_and_drops_as_a_list_does(ops in prop::collection::vec(op(), 0..600)) {
        let (mut queue, mut model) = (OutboundQueue::default(), Model::default());
        for (n, op) in ops.iter().enumerate() {
            match op {
                Op::Push(policy, length) => {
                    let text = format!("{n:0length$}");
                    let message = Outgoing::with_policy(Message::text(text.clone()), *policy);
                    let pushed = queue.push(message, LIMITS, Overflow::Close);
                    prop_assert_eq!((pushed.dropped, pushed.conflated), model.push(&text, *policy));
                    prop_assert_eq!(pushed.over, model.is_over());
                }
                Op::Pop(count) => {
                    (0..*count).for_each(|_| drop(queue.pop()));
                    model.0.drain(..model.0.len().min(*count));
                }
                Op::Take(count) => {
                    take(&mut queue, *count);
                    model.0.drain(..model.0.len().min(*count));
                }
                Op::Clear => {
                    queue.clear();
                    model.0.clear();
                }
            }
            prop_assert_eq!(waiting(&queue), model.0.iter().map(|(text, _)| &**text).collect::<Vec<_>>());
            prop_assert_eq!(queue.bytes(), model.0.iter().map(|(text, _)| text.len()).sum::<usize>());
        }
    }
}
