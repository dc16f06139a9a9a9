//! The adapter suite, compiled once for each runtime, and the matrix: the clients of each runtime with the servers of each.

mod matrix;
mod runtimes;
mod service;
mod suite;

/// A module for each runtime, with these tests of the suite.
macro_rules! on_each_runtime {
    ($($test:ident)*) => {
        on_each_runtime! { @async_std AsyncStd $($test)* }
        on_each_runtime! { @smol Smol $($test)* }
        on_each_runtime! { @tokio Tokio $($test)* }
    };
    (@$module:ident $runtime:ident $($test:ident)*) => {
        mod $module {
            use crate::{runtimes::{Subject, $runtime}, suite};

            $(
                #[test]
                fn $test() {
                    $runtime::block_on(suite::$test::<$runtime>());
                }
            )*
        }
    };
}

on_each_runtime! {
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
