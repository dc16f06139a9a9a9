//! The adapter suite, compiled once for each runtime, and the matrix: the clients of each runtime with the servers of each.

mod brought;
mod matrix;
mod proxies;
mod reconnecting;
mod runtimes;
mod service;
mod suite;
mod way;

/// A module for each runtime, with these tests of these files.
macro_rules! on_each_runtime {
    ($($tests:tt)*) => {
        on_one_runtime! { async_std AsyncStd $($tests)* }
        on_one_runtime! { smol Smol $($tests)* }
        on_one_runtime! { tokio Tokio $($tests)* }
    };
}

macro_rules! on_one_runtime {
    ($module:ident $runtime:ident $($file:ident { $($test:ident)* })*) => {
        mod $module {
            use crate::{$($file,)* runtimes::{Subject, $runtime}};

            $($(
                #[test]
                fn $test() {
                    $runtime::block_on($file::$test::<$runtime>());
                }
            )*)*
        }
    };
}

on_each_runtime! {
    proxies {
        a_client_goes_through_a_proxy_with_tls
        the_name_of_a_server_is_for_the_proxy_to_resolve
        a_proxy_cannot_put_another_server_in_the_place_of_one
        a_server_that_is_excepted_is_reached_without_the_proxy
        a_proxy_that_refuses_is_named_with_its_status
        what_is_no_proxy_is_left
        a_proxy_that_says_nothing_is_given_up
        a_proxy_that_is_not_there_is_named
    }
    reconnecting {
        a_client_that_comes_back_goes_on_where_it_was
        a_client_that_comes_back_asks_for_its_options_anew
        a_client_that_comes_back_ends_where_it_is_refused
        a_client_that_comes_back_may_be_driven_by_its_owner
    }
    suite {
        a_client_calls_and_sees_state_and_events_over_tls
        a_client_calls_without_tls
        more_calls_than_fit_wait_in_line
        a_payload_in_pieces_goes_both_ways
        an_input_beyond_the_limit_fails_alone
        a_call_that_is_dropped_is_cancelled
        a_call_ends_at_its_deadline_on_both_sides
        a_client_has_a_timeout_for_all_its_calls
        a_server_ends_calls_that_run_for_too_long
        a_handler_finds_its_call_also_behind_an_await
        a_handler_that_cannot_be_cancelled_outlives_its_connection
        a_stop_waits_no_longer_than_the_grace_for_a_handler_that_cannot_be_cancelled
        a_client_that_says_nothing_is_given_up
        a_connection_that_is_cut_ends_its_calls
        a_client_may_drive_its_connection_itself
        a_future_that_connects_is_small
        a_factory_refuses_with_its_status
        a_factory_that_panics_takes_nothing_else_with_it
        a_refused_client_gets_to_read_why
        a_client_that_sends_no_request_is_dropped
        a_certificate_that_is_not_trusted_is_refused
        a_certificate_is_replaced_while_a_server_runs
        a_server_without_tls_is_no_server_for_a_client_with_tls
        the_certificate_of_a_client_reaches_the_factory
        a_client_without_the_certificate_that_is_required_is_refused
        a_server_that_is_not_there_is_named
        a_server_that_says_nothing_is_given_up
        a_stop_lets_calls_finish_and_tells_clients
        a_stop_aborts_what_is_still_open_after_the_grace
        dropping_a_server_aborts_its_connections
        clients_come_and_go
        a_timer_rings_when_its_deadline_has_passed_and_not_before
        a_later_deadline_of_a_timer_replaces_an_earlier_one
    }
    brought {
        a_stream_of_the_applications_carries_a_connection
        whole_messages_carry_a_connection
        one_server_has_connections_by_all_ways
        a_factory_refuses_whoever_it_is_brought
        a_web_page_of_another_origin_is_refused_over_messages_too
        a_stop_lets_calls_of_brought_connections_finish
        dropping_a_server_aborts_brought_connections_and_takes_no_more
        a_client_that_sends_no_request_over_a_stream_is_dropped
    }
}
