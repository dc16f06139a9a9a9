//! Topics as values.

#![cfg(all(feature = "payload", feature = "std"))]

use bytes::Bytes;
use hardlight_proto::{
    Topic, TypeDescription,
    payload::{decode, encode_to_bytes},
};

#[test]
fn a_topic_is_a_list_of_bytes_on_the_wire_whatever_the_bytes_are() {
    for name in [&b""[..], b"chat", b"a/+/#", b"\xff\x00"] {
        let payload = encode_to_bytes(&Topic::from(name)).unwrap();
        assert_eq!(payload, encode_to_bytes(&name.to_vec()).unwrap());
        assert_eq!(decode::<Topic>(&payload).unwrap().as_bytes(), name);
    }
    assert_eq!(TypeDescription::of::<Topic>().as_str(), TypeDescription::of::<Vec<u8>>().as_str());
}

#[test]
fn whatever_a_name_is_made_from_it_is_the_same_topic() {
    let all = [
        Topic::from("chat"),
        Topic::from(String::from("chat")),
        Topic::from(&String::from("chat")),
        Topic::from(&b"chat"[..]),
        Topic::from(b"chat".to_vec()),
        Topic::from(Bytes::from_static(b"chat")),
        Topic::from(&Topic::from("chat")),
    ];
    assert!(all.iter().all(|topic| *topic == "chat" && topic.as_str() == Some("chat")));
    assert_eq!(Topic::from(&[0xff][..]).as_str(), None);
    assert_eq!(Topic::default(), "");
}
