//! What a session does, on every transport: each behaviour is written once and run row by row, over real sockets.
//!
//! A new transport needs a row in `support/client`, and a line in [`rows!`]; without them this suite does not compile,
//! or fails. A new behaviour is one function, and a line in the group of rows that it holds for.

#[path = "../support/mod.rs"]
mod support;

mod absence;
mod bursts;
mod closing;
mod draining;
mod echo;
mod endpoints;
mod groups;
mod heartbeats;
mod identity;
mod interruption;
mod limits;
mod opening;
mod panics;
mod posts;
mod recycling;
mod stage;

use byway::Transport;
use std::future::Future;
use std::time::Duration;
use support::client::{Kind, kind};

/// Every transport, and the groups of behaviours that hold for it.
macro_rules! rows {
    ($($row:ident: $transport:ident [$($group:ident)*];)*) => {
        $(mod $row {
            const ROW: byway::Transport = byway::Transport::$transport;
            $($group!();)*
        })*
        const ROWS: &[(Transport, &str, &[&str])] =
            &[$((Transport::$transport, stringify!($row), &[$(stringify!($group)),*])),*];
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

/// What holds on every transport.
macro_rules! every {
    () => {
        behaviours! {
            opening {
                the_first_thing_a_client_gets_is_the_opening
                the_application_may_speak_first
                the_application_knows_the_transport
            }
            echo {
                echo_keeps_order
                every_kind_of_character_survives
                an_empty_message_is_a_message
                large_messages_pass_both_ways
                many_messages_sent_at_once_all_arrive
            }
            closing {
                the_application_s_close_comes_behind_what_it_sent
                a_close_without_words_is_1000_normal_closure
                the_first_close_stays_and_nothing_can_be_sent_behind_it
                a_session_that_is_closed_while_it_opens_is_greeted_first
                what_the_client_sent_behind_the_close_is_not_handled
            }
            interruption {
                a_reset_ends_the_session_at_once
                a_closed_connection_ends_the_session_at_once
                a_half_closed_connection_ends_the_session_at_once
            }
            heartbeats {
                heartbeats_come_when_nothing_else_does
                a_slow_handler_holds_up_no_heartbeat
                a_slow_handler_holds_up_no_message_to_its_client
            }
            limits {
                a_message_at_the_limit_passes_and_one_over_it_is_refused
                a_client_that_takes_nothing_is_a_slow_consumer
                dropping_the_oldest_keeps_the_newest_and_counts
                a_full_endpoint_refuses_one_more_session
            }
            bursts {
                a_burst_closes_nobody_who_reads
                a_burst_over_tls_closes_nobody_who_reads
            }
            panics {
                a_panic_ends_its_own_session_and_no_other
                a_panic_while_opening_ends_the_session
                a_panic_in_ended_harms_nobody
            }
            groups {
                members_get_what_is_published_until_they_leave
                an_ended_session_is_no_member
            }
            draining {
                a_drain_tells_every_client_that_the_server_goes
                a_draining_endpoint_refuses_new_sessions
                a_server_that_stops_lets_go_of_every_connection
            }
            identity {
                the_principal_in_the_request_becomes_the_session_s
                attributes_stay_as_long_as_the_session
                the_client_s_address_is_what_a_trusted_proxy_says
                what_an_untrusted_peer_says_of_its_address_is_ignored
            }
            endpoints {
                two_endpoints_of_one_process_share_nothing
            }
        }
    };
}

/// What holds where messages are framed by SockJS.
macro_rules! sockjs {
    () => {
        behaviours! {
            echo {
                an_empty_array_is_no_message
                lone_surrogates_are_read_as_replacement_characters
            }
        }
    };
}

/// What holds where one carrier lives on from message to message.
macro_rules! lasting {
    () => {
        behaviours! { heartbeats { traffic_does_not_put_heartbeats_off } }
    };
}

/// What holds for WebSockets.
macro_rules! sockets {
    () => {
        behaviours! {
            closing {
                a_client_s_close_frame_is_answered_in_kind_and_told_once
                a_client_s_close_frame_without_a_code_is_1005
                a_client_that_does_not_answer_the_close_is_let_go
                a_client_that_took_nothing_and_reads_again_is_told_why_it_was_closed
            }
            heartbeats {
                a_peer_that_answers_no_ping_is_closed
                a_peer_that_answers_pings_stays
            }
            interruption { what_a_client_sent_before_it_left_is_handled }
            limits { bursts_beyond_the_queue_reach_a_client_that_reads }
            groups { bursts_of_publications_beyond_the_queue_reach_a_client_that_reads }
        }
    };
}

/// What holds where a session is received from by one request after the other.
macro_rules! http {
    () => {
        behaviours! {
            closing {
                a_late_receiver_gets_what_is_queued_and_then_the_close
                every_receiver_is_told_of_the_close_until_the_id_is_new_again
                messages_to_a_closing_session_are_taken_and_dropped
            }
            interruption {
                sends_to_an_interrupted_session_are_404_and_its_next_receiver_is_told
                an_interrupted_session_s_id_is_new_again_once_it_is_forgotten
                a_receiver_with_a_body_that_nobody_reads_is_interrupted_as_well
                a_request_is_no_receiver_before_its_body_has_ended
            }
            absence {
                a_session_without_receiver_ends_as_absent
                sending_does_not_keep_a_session_without_receiver
                a_receiver_in_time_keeps_the_session
            }
            posts {
                the_messages_of_racing_posts_stay_together
                a_post_that_begins_after_another_s_answer_comes_later
                a_post_to_an_unknown_session_is_404_and_opens_none
                posts_wait_for_a_full_inbox_and_lose_nothing
                a_batch_larger_than_the_inbox_is_taken_whole_and_in_order
                what_was_answered_before_and_behind_the_end_of_the_receiver_is_handled
                what_is_not_handled_any_more_is_not_said_to_be_taken
            }
            limits {
                a_queue_is_bounded_in_messages
                a_queue_is_bounded_in_bytes
                too_large_a_body_is_413_and_many_messages_are_not
            }
            absence {
                a_second_receiver_is_refused_and_the_first_stays
                messages_wait_for_the_next_receiver_in_one_frame
            }
            identity { a_session_is_404_for_every_other_principal }
        }
    };
}

/// What holds for responses that go on.
macro_rules! streams {
    () => {
        behaviours! {
            recycling {
                a_response_at_its_limit_is_followed_by_the_next_without_loss
                a_response_ends_with_the_frame_that_reaches_the_limit
            }
        }
    };
}

rows! {
    websocket: Websocket [every sockjs lasting sockets];
    raw_websocket: RawWebsocket [every lasting sockets];
    xhr_streaming: XhrStreaming [every sockjs lasting http streams];
    xhr: Xhr [every sockjs http];
    eventsource: Eventsource [every sockjs lasting http streams];
    htmlfile: Htmlfile [every sockjs lasting http streams];
    jsonp: Jsonp [every sockjs http];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_much_at_once_reaches_whoever_reads_over_tls_and_whoever_does_not_is_slow_in_time() {
    in_time(bursts::much_at_once()).await;
}

/// Everything here waits for what it expects; this is for what never comes.
async fn in_time(behaviour: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(30), behaviour).await.expect("everything that is waited for comes");
}

#[test]
fn every_transport_has_a_row_with_the_groups_of_its_kind() {
    for transport in Transport::ALL {
        let row = ROWS.iter().find(|(row, ..)| *row == transport);
        let (_, name, groups) = row.unwrap_or_else(|| panic!("{transport} has no row"));
        assert_eq!(*name, transport.name());
        let expected: &[&str] = match kind(transport) {
            Kind::Socket => &["every", "lasting", "sockets"],
            Kind::Stream => &["every", "sockjs", "lasting", "http", "streams"],
            Kind::Poll => &["every", "sockjs", "http"],
        };
        assert!(expected.iter().all(|group| groups.contains(group)), "{transport} has {groups:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_publication_reaches_the_members_on_all_transports() {
    in_time(groups::one_publication_reaches_the_members_on_all_transports()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_members_see_racing_publishers_in_one_order() {
    in_time(groups::all_members_see_racing_publishers_in_one_order()).await;
}
