//! Opening a connection, and calls.

use super::*;

fn a_call_and_its_answer() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.answer(id, TWO);
    session.settle();
    session
}

fn calls_answered_in_another_order() -> Session {
    let mut session = open();
    let (first, second) = (session.call(0, ONE), session.call(1, Bytes::new()));
    session.settle();
    session.answer(second, ONE);
    session.settle();
    session.answer(first, TWO);
    session.settle();
    session
}

fn an_early_call() -> Session {
    let (client, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    session.call(0, ONE);
    session.settle();
    session
}

fn an_early_call_that_is_cancelled() -> Session {
    let (client, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    let id = session.call(0, ONE);
    session.cancel(id);
    session.settle();
    session
}

fn a_cancelled_call() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.cancel(id);
    session.settle();
    // Its id is in use: this is another one.
    session.call(1, Bytes::new());
    session.settle();
    session.fail(id, CallError::Cancelled, Extensions::new());
    session.settle();
    session.call(0, ONE);
    session
}

fn a_cancel_that_crosses_the_answer() -> Session {
    let mut session = open();
    let id = session.call(0, ONE);
    session.settle();
    session.answer(id, TWO);
    session.cancel(id);
    session.settle();
    session
}

fn methods_that_do_not_fit() -> Session {
    let mut older = counter();
    older.methods = vec![
        ("get", "fn{}->u32", None),
        ("gone", "fn{}->unit", None),
        ("increment", "fn{amount:u64}->u64", None),
    ];
    let (client, _) = setups(&older);
    let (_, server) = setups(&counter());
    let mut session = Session::start(&client, &server);
    session.call(1, Bytes::new());
    session.call(0, Bytes::new());
    session.settle();
    session.refused_call(1, Bytes::new());
    session.refused_call(2, Bytes::new());
    session
}

fn extensions() -> Session {
    let mut session = open();
    let deadline = Extensions::new().with_deadline(Duration::from_secs(1)).expect("it fits");
    let more = deadline.with_idempotency_key(b"key").expect("it fits");
    let id = session.call_with(0, ONE, more);
    session.settle();
    let wait = Duration::from_millis(250);
    let retry = Extensions::new().with_retry_after(wait).expect("it fits");
    session.fail(id, CallError::Busy, retry);
    session.settle();
    session
}

fn a_deadline_that_has_passed() -> Session {
    let mut session = open();
    let none = Extensions::new().with_deadline(Duration::ZERO).expect("it fits");
    let little = Extensions::new().with_deadline(Duration::from_micros(1)).expect("it fits");
    session.call_with(0, ONE, none);
    let id = session.call_with(0, TWO, little);
    session.settle();
    // The server's clock stands still, and so it has not passed there.
    session.answer(id, ONE);
    session.settle();
    session
}

fn all_ids_in_use() -> Session {
    let mut session = open();
    for _ in 0..256 {
        session.call(1, Bytes::new());
    }
    session.refused_call(1, Bytes::new());
    session.settle();
    session.answer(hardlight_proto::CallId(77), ONE);
    session.settle();
    session.call(1, Bytes::new());
    session
}

fn inputs_beyond_the_limit() -> Session {
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_input_bytes(100);
    let mut session = Session::open(&client, &server);
    let first = session.call(0, bytes(60));
    session.call(0, bytes(41));
    session.call(0, bytes(40));
    session.settle();
    session.answer(first, ONE);
    session.settle();
    session.call(0, bytes(60));
    session.settle();
    session
}

fn an_input_and_an_output_too_large() -> Session {
    let (mut client, mut server) = setups(&counter());
    client.limits = client.limits.with_max_frame_bytes(66_560);
    server.limits = server.limits.with_max_frame_bytes(70_000);
    let mut session = Session::open(&client, &server);
    session.refused_call(0, bytes(66_558));
    let id = session.call(0, bytes(66_557));
    session.settle();
    session.answer(id, bytes(66_559));
    session.settle();
    session
}

fn calls_that_wait_behind_output() -> Session {
    let (client, mut server) = setups(&counter());
    server.limits = server.limits.with_max_buffered_bytes(1000);
    let mut session = Session::open(&client, &server);
    let first = session.call(0, ONE);
    session.settle();
    session.fill(true);
    session.answer(first, bytes(1000));
    let second = session.call(1, Bytes::new());
    session.call(0, TWO);
    session.cancel(second);
    session.settle();
    session.fill(false);
    session.settle();
    session
}

pub(super) fn sessions() -> File {
    let cases = vec![
        case("a call and its answer", &["6.1", "10.1", "19.1", "19.2"], a_call_and_its_answer()),
        case(
            "calls answered in another order",
            &["10.1", "19.3"],
            calls_answered_in_another_order(),
        ),
        case("a call made before the snapshot waits for it", &["6.1"], an_early_call()),
        case(
            "a call cancelled before the snapshot is never sent",
            &["6.1", "10.2"],
            an_early_call_that_is_cancelled(),
        ),
        case("a cancelled call keeps its id until its answer", &["10.2"], a_cancelled_call()),
        case(
            "a cancel that crosses the answer is ignored",
            &["10.2"],
            a_cancel_that_crosses_the_answer(),
        ),
        case("methods moved, gone and changed", &["6.3", "6.4", "18.1"], methods_that_do_not_fit()),
        case("extensions reach the other end", &["7"], extensions()),
        case(
            "a call whose deadline has passed does not run",
            &["7", "10.4", "18.1"],
            a_deadline_that_has_passed(),
        ),
        case("256 calls are open, and no more", &["10.1", "17"], all_ids_in_use()),
        case("inputs beyond max_input_bytes get BUSY", &["17", "18.1"], inputs_beyond_the_limit()),
        case(
            "calls that wait behind much output",
            &["9.3", "17", "19.1"],
            calls_that_wait_behind_output(),
        ),
        case(
            "an input and an output that are too large",
            &["6.2", "17", "18.1"],
            an_input_and_an_output_too_large(),
        ),
    ];
    file("sessions/calls.json", "Opening a connection, and calls.", cases)
}
