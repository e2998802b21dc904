//! What a STOMP client sees, on every transport: each behaviour is written once and run row by row, over real sockets.
//!
//! A new transport needs a row in `support/client`, and a line in [`rows!`]; without them this suite does not compile,
//! or fails. A new behaviour is one function, and a line in [`behaviours!`].

#[path = "../support/mod.rs"]
mod support;

mod application;
mod backlogs;
mod connecting;
mod endings;
mod heartbeats;
mod history;
mod identity;
mod limits;
mod presence;
mod queues;
mod slow;
mod topics;
mod transactions;
mod users;

use byway::Transport;
use std::future::Future;
use std::time::Duration;

/// Every transport.
macro_rules! rows {
    ($($row:ident: $transport:ident;)*) => {
        $(mod $row {
            const ROW: byway::Transport = byway::Transport::$transport;
            every!();
        })*
        const ROWS: &[(Transport, &str)] = &[$((Transport::$transport, stringify!($row))),*];
    };
}

/// One test for each behaviour, in the row that this stands in.
macro_rules! behaviours {
    ($($module:ident { $($behaviour:ident)* })*) => {
        $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $behaviour() {
            crate::in_time(crate::$module::$behaviour(ROW)).await;
        })*)*
    };
}

macro_rules! every {
    () => {
        behaviours! {
            connecting {
                each_version_is_spoken_as_the_client_asks
                a_message_reaches_a_client_of_each_version_in_its_own_words
                a_client_without_a_common_version_is_told_those_that_there_are
                whoever_says_no_connect_in_time_is_told_and_sent_away
                nothing_but_connect_may_come_first_and_it_comes_once
                frames_behind_connect_in_the_same_message_are_carried_out_in_order
                a_frame_may_come_in_many_messages
                a_frame_that_does_not_end_in_time_ends_the_session
                the_receipt_of_disconnect_is_the_last_word
                whoever_asked_for_the_receipt_of_disconnect_has_a_second_to_close_by_itself
                clients_that_come_and_go_leave_nothing_behind
            }
            topics {
                a_publication_reaches_its_subscriber_and_the_receipt_its_sender
                all_subscribers_hear_racing_publishers_in_one_order
                publishers_wait_where_too_much_is_published_and_none_is_sent_away
                a_pattern_hears_all_that_it_matches_and_nothing_else
                nothing_comes_behind_an_unsubscribe
                each_publication_has_a_message_id_of_its_own
                a_body_may_hold_a_nul_where_its_length_is_said
                what_no_broker_takes_is_refused_and_the_session_ends
                where_refusals_are_kept_the_session_goes_on
            }
            history {
                a_subscription_that_asks_for_history_gets_the_last_ones_before_the_live_ones
                a_subscription_since_an_offset_gets_what_came_behind_it_once_each
                what_is_not_kept_any_more_is_told_in_front_as_a_gap
                an_offset_of_another_history_brings_all_that_is_kept_behind_an_unknown_gap
                history_that_cannot_be_had_is_refused
                publishers_that_race_with_a_late_subscriber_are_each_heard_once_in_order
            }
            queues {
                what_is_acknowledged_is_done_with_and_the_rest_goes_to_another_when_its_consumer_is_lost
                a_client_ack_is_for_all_that_came_before
                what_is_refused_comes_again_and_says_so
                an_unsubscribe_gives_back_what_is_not_acknowledged
                an_acknowledgement_of_nothing_is_refused_and_changes_nothing
                a_message_that_is_refused_too_often_is_a_dead_letter
                what_becomes_no_dead_letter_is_counted_as_lost
                consumers_take_turns_and_none_gets_more_than_it_may_hold
                a_queue_keeps_what_comes_before_its_first_consumer
                a_full_queue_refuses_its_sender_and_a_session_that_ends_gives_back_its_turn
                a_queue_that_nobody_consumes_lasts_for_a_time_and_longer_where_somebody_known_uses_it
            }
            backlogs {
                a_past_that_is_larger_than_a_session_s_queue_comes_as_its_client_reads
                what_is_published_while_a_past_is_read_comes_behind_it_once_and_in_order
                what_a_history_loses_while_it_is_read_is_a_gap_in_its_place
                an_unsubscribe_ends_a_past_that_is_half_told
                nothing_comes_behind_the_receipt_of_an_unsubscribe_and_nothing_twice
                consumers_are_handed_what_they_have_room_for_and_nothing_is_lost
                a_backlog_of_many_megabytes_reaches_one_reader_in_order
                what_was_not_written_to_a_lost_consumer_goes_back_in_order_and_uncounted
                nothing_comes_behind_the_receipt_of_a_disconnect
                an_unsubscribe_gives_back_what_waits_for_its_client
                a_full_queue_has_room_again_when_its_consumer_was_written_to
            }
            presence {
                a_watcher_hears_who_is_there_and_then_who_comes_and_goes
                a_member_whose_session_ends_may_come_back_in_time_by_another
            }
            transactions {
                what_a_transaction_holds_is_published_by_its_commit_in_order
                what_is_aborted_or_lost_is_never_published
                acknowledgements_wait_for_the_commit
                a_transaction_that_cannot_be_carried_out_is_not_begun
                unknown_and_open_transactions_are_out_of_sequence
                a_commit_for_which_there_is_no_room_reaches_nobody
                a_commit_makes_room_by_what_is_older_and_never_by_its_own
                what_is_acknowledged_twice_in_a_transaction_undoes_all_of_it
                handlers_are_asked_where_there_is_room_and_before_the_broker_takes_anything
            }
            users {
                all_sessions_of_a_user_hear_what_is_sent_to_it_and_no_other_s
                one_session_hears_what_is_sent_to_it_and_no_other_of_its_user
                a_user_with_too_many_sessions_gets_no_more
            }
            application {
                a_handler_publishes_answers_its_sender_and_tells_a_user
                a_subscription_to_the_application_is_answered_once
                a_message_that_its_handler_cannot_read_is_told_and_ends_the_session
                whoever_listens_for_errors_hears_them_and_stays
            }
            identity {
                a_token_comes_in_by_each_header_and_names_its_user
                without_a_good_token_nobody_comes_in
                a_passcode_is_a_token_only_where_that_is_switched_on
                a_token_is_as_long_as_the_setting_says
                whoever_guesses_too_often_is_not_heard_for_a_while_and_the_right_secret_always_is
                whoever_shows_nothing_guesses_nothing
                nobody_is_let_in_who_is_called_what_nobody_can_be
                a_session_ends_with_its_token
                a_session_lives_on_with_a_new_token_of_its_user
                a_session_becomes_nobody_else_and_stays_nobody_without_a_token
                what_is_revoked_ends_at_once_and_does_not_come_back
                what_is_revoked_while_its_token_is_looked_at_is_not_let_in
                a_session_that_is_revoked_while_its_token_is_looked_at_ends_at_once
                a_new_token_that_is_revoked_while_it_is_looked_at_ends_the_session
                one_session_can_be_revoked_and_its_user_s_others_stay
                what_the_rules_do_not_allow_is_refused_and_has_no_effect
                where_refusals_are_kept_whoever_is_denied_stays
                where_refusals_are_kept_a_frame_that_does_no_harm_ends_nothing
                where_refusals_close_a_frame_that_does_no_harm_ends_the_session
            }
            limits {
                what_is_over_a_rate_is_refused_and_told
                what_is_over_a_rate_ends_the_session_where_that_is_said
                what_is_over_a_rate_waits_its_turn
                what_waits_for_one_rate_is_not_charged_to_another_again
                a_dry_run_limits_nothing
                a_frame_over_a_limit_is_told_and_ends_the_session
            }
            heartbeats {
                the_server_beats_as_the_client_wants_and_the_transport_does_not_beat_beside
                a_client_that_breaks_its_promise_of_heartbeats_is_told_and_sent_away
                a_client_that_is_late_with_its_heartbeats_stays_as_long_as_anything_shows_that_it_lives
                as_many_intervals_are_tolerated_as_the_setting_says
                a_client_that_keeps_its_promise_stays
                a_client_that_promises_nothing_may_be_silent
            }
            slow {
                a_burst_closes_nobody_who_reads
                a_burst_over_tls_closes_nobody_who_reads
                a_subscriber_that_takes_nothing_is_closed_and_its_peers_miss_nothing
                dropping_the_oldest_keeps_the_order_and_counts
                keeping_the_newest_keeps_that_of_each_key
            }
            endings {
                a_drain_tells_every_client_that_the_server_goes
                a_panic_ends_its_own_session_and_what_that_held_goes_to_others
                a_transport_that_closes_ends_the_session
                what_a_client_sent_before_it_was_lost_is_published
                what_a_client_sent_before_it_was_sent_away_is_not_published
            }
        }
    };
}

rows! {
    websocket: Websocket;
    raw_websocket: RawWebsocket;
    xhr_streaming: XhrStreaming;
    xhr: Xhr;
    eventsource: Eventsource;
    htmlfile: Htmlfile;
    jsonp: Jsonp;
}

/// Everything here waits for what it expects; this is for what never comes.
async fn in_time(behaviour: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(30), behaviour).await.expect("everything that is waited for comes");
}

#[test]
fn every_transport_has_a_row() {
    for transport in Transport::ALL {
        let row = ROWS.iter().find(|(row, _)| *row == transport);
        assert_eq!(row.map(|(_, name)| *name), Some(transport.name()));
    }
}
