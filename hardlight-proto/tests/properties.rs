//! Whatever both applications do, in whatever order, over whatever transport.

mod support;

use bytes::Bytes;
use hardlight_proto::*;
use proptest::{collection::vec, prelude::*};
use support::*;

proptest! {
    #![proptest_config(cases(400))]

    /// What holds is looked at after every operation and every step: see `support::Ledger`.
    #[test]
    fn whatever_two_applications_do_each_gets_what_it_is_owed(
        setup in setup(),
        connections in vec(vec(act(), 0..50), 1..4),
    ) {
        let mut run = Run::new(setup);
        for acts in connections {
            acts.iter().for_each(|act| run.apply(act));
            run.settle();
            run.reconnect();
        }
        run.exercise();
    }
}

/// Parts of a payload that shrink well, a little, and not at all.
#[cfg(feature = "deflate")]
fn part() -> impl Strategy<Value = Bytes> {
    let len = || 0..3000_usize;
    prop_oneof![
        len().prop_map(zeros),
        len().prop_map(noise),
        len().prop_map(|len| noise(len).iter().map(|byte| byte & 0x3f).collect()),
        (len(), 0..2000_usize).prop_map(|(len, start)| noise(start + len).slice(start..)),
    ]
}

#[cfg(feature = "deflate")]
proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn whatever_is_compressed_arrives_as_it_was(parts in vec(part(), 1..20)) {
        let payload = Bytes::from(parts.concat());
        let config = client_config(quiet()).with_compression(true);
        let mut client = client_of(config, Hello { deflate: true, ..server_hello() });
        receive(&mut client, &topic_frame(7, 0, TopicStart::Fresh, CHAT));
        client.handle_message(encode_event_deflated(7, 0, 0, payload.clone()));
        let expected = [subscribed(CHAT), arrived(CHAT, 0, payload)];
        prop_assert!(client_events(&mut client) == expected);
    }
}
