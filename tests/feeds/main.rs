//! Feeds: their bytes, and what those see who read them, over real sockets.
//!
//! What holds for every format is written once and run row by row. A new format needs a row in [`rows!`] and an arm in
//! `client`; a new behaviour is one function, and a line in the group of rows that it holds for.

#[path = "../support/mod.rs"]
mod support;

mod client;
mod delivery;
mod endings;
mod format;
mod identity;
mod limits;
mod polls;
mod requests;
mod sse;
mod stage;
mod streams;
mod turns;

use byway::Transport;
use std::future::Future;
use std::time::Duration;

/// Every format, and the groups of behaviours that hold for it.
macro_rules! rows {
    ($($row:ident: $transport:ident [$($group:ident)*];)*) => {
        $(mod $row {
            const ROW: byway::Transport = byway::Transport::$transport;
            $($group!();)*
        })*
        const ROWS: &[(Transport, &str)] = &[$((Transport::$transport, stringify!($row))),*];
    };
}

/// One test for each behaviour of a group, in the row that this stands in.
macro_rules! behaviours {
    ($($module:ident { $($behaviour:ident)* })*) => {
        $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            crate::in_time(crate::$module::$behaviour(ROW)).await;
        })*)*
    };
}

/// What holds for every reader.
macro_rules! every {
    () => {
        behaviours! {
            delivery {
                every_kind_of_text_arrives
                bytes_that_are_no_text_arrive_in_base64
                large_messages_pass
                many_messages_that_are_published_at_once_arrive_in_order
                all_readers_hear_racing_publishers_in_one_order
                whoever_was_cut_off_at_any_message_gets_exactly_the_rest
                the_last_of_a_history_come_first_only_for_who_does_not_come_back
                what_is_not_kept_any_more_is_told_before_what_is_and_only_once
                an_id_of_another_life_brings_all_that_is_kept_behind_an_unknown_gap
                a_feed_of_several_destinations_is_come_back_to_in_each_of_them
                an_http_1_0_client_reads_it
                a_burst_closes_nobody_who_reads
                a_burst_over_tls_closes_nobody_who_reads
                what_was_handed_out_is_counted_whether_it_is_live_or_of_the_past
            }
            identity {
                without_a_good_token_nobody_reads
                the_rules_say_who_reads_what_also_for_patterns
                a_feed_ends_with_its_token
                what_is_revoked_ends_and_does_not_come_back
                one_feed_can_be_revoked_and_its_user_s_others_stay
                what_is_revoked_while_its_token_is_looked_at_is_not_let_in
                what_is_revoked_while_the_rules_are_asked_ends_before_it_hears_anything
                whom_the_application_let_in_itself_needs_no_token
                the_application_hears_of_feeds_and_may_refuse_them
            }
            endings {
                a_drain_tells_every_reader_to_come_back
                a_server_that_stops_lets_go_of_every_reader
                what_was_published_before_an_ending_comes_before_it
                the_application_ends_one_feed_and_no_other
                a_reader_that_leaves_ends_its_feed_at_once
                a_reader_that_leaves_while_messages_come_harms_nobody
                a_panic_ends_its_own_feed_and_no_other
                nothing_is_left_of_feeds_that_came_and_went
            }
            limits {
                what_cannot_be_answered_is_said_with_its_reason
                a_foreign_page_gets_no_feed_and_one_that_is_listed_may_read_it
                whoever_asks_too_often_is_told_when_to_come_back
                a_node_that_is_full_opens_no_feed
                a_user_has_only_so_many_feeds
                an_address_that_guesses_tokens_has_to_wait_and_the_right_one_is_let_in
                the_client_s_address_is_what_a_trusted_proxy_says_and_nobody_else
                where_feeds_are_switched_off_there_are_none
            }
        }
    };
}

/// What holds where one answer lives on from message to message.
macro_rules! streams {
    () => {
        behaviours! {
            identity {
                one_s_own_destinations_are_one_s_own
            }
            endings {
                a_reader_that_takes_nothing_is_closed_and_comes_back_to_what_it_missed
                where_the_oldest_is_dropped_for_a_slow_reader_it_keeps_the_order_and_the_newest
                a_reader_that_leaves_in_the_middle_of_the_past_harms_nobody
            }
            limits {
                a_stream_on_which_nothing_happens_has_signs_of_life
            }
        }
    };
}

rows! {
    feed_events: FeedEvents [every streams];
    feed_lines: FeedLines [every streams];
    feed_poll: FeedPoll [every];
}

/// Everything here waits for what it expects; this is for what never comes.
async fn in_time<T>(behaviour: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), behaviour).await.expect("everything that is waited for comes")
}

#[test]
fn every_format_has_a_row() {
    let rows: Vec<_> = ROWS.iter().map(|(row, name)| (*row, *name)).collect();
    assert_eq!(rows, Transport::FEEDS.map(|feed| (feed, feed.name())));
}
