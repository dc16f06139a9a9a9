//! What holds for a client wherever it runs. Each test has the name of what it asserts.

#[cfg(target_arch = "wasm32")]
pub(crate) mod browser;
pub(crate) mod calls;
pub(crate) mod coming_back;
pub(crate) mod opening;
#[cfg_attr(target_arch = "wasm32", path = "platform/browser.rs")]
#[cfg_attr(not(target_arch = "wasm32"), path = "platform/tokio.rs")]
pub(crate) mod platform;
pub(crate) mod stage;
pub(crate) mod timers;

/// The tests that are the same everywhere.
macro_rules! tests {
    () => {
        $crate::client::tests! {
            calls:
                a_client_calls_and_sees_state_and_events
                a_watch_sees_a_part_of_the_state_change
                more_calls_than_fit_wait_in_line
                a_payload_in_pieces_goes_both_ways
                an_input_beyond_the_limit_fails_alone
                a_call_that_is_dropped_is_cancelled
                a_call_whose_time_is_up_ends_here_and_on_the_server
                a_connection_that_is_cut_ends_its_calls
                a_client_may_drive_its_connection_itself
                a_stop_lets_calls_finish_and_tells_clients
                a_feature_comes_and_goes_with_what_needs_it
                clients_come_and_go
            ;
            coming_back:
                a_client_that_comes_back_goes_on_where_it_was
                a_client_that_comes_back_asks_for_its_options_anew
                a_client_that_comes_back_ends_where_it_is_refused
            ;
            opening:
                a_token_reaches_the_server
                a_token_that_cannot_be_sent_is_refused_here
                a_refusal_in_band_is_told
                a_server_that_is_not_there_is_named
                a_server_that_says_nothing_is_given_up
            ;
            timers:
                a_timer_rings_when_its_deadline_has_passed_and_not_before
                a_later_deadline_of_a_timer_replaces_an_earlier_one
            ;
        }
    };
    ($($suite:ident: $($test:ident)*;)*) => { $($(
        #[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
        #[cfg_attr(not(target_arch = "wasm32"), tokio::test)]
        async fn $test() {
            $crate::client::$suite::$test().await;
        }
    )*)* };
}

/// Those that only a browser can do.
#[cfg(target_arch = "wasm32")]
macro_rules! tests_of_browsers {
    () => {
        $crate::client::tests! {
            browser:
                what_a_client_keeps_need_not_be_send
                the_browser_being_online_again_ends_the_pause
                a_page_of_another_origin_is_let_in_only_if_it_is_allowed
                a_url_that_the_browser_does_not_take_is_named
            ;
        }
    };
}

pub(crate) use tests;
#[cfg(target_arch = "wasm32")]
pub(crate) use tests_of_browsers;
