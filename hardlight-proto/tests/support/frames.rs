//! Frames of every kind, whatever they say.

use std::time::Duration;

use bytes::Bytes;
use hardlight_proto::*;
use proptest::prelude::*;

/// Some so long that their length takes two bytes.
fn bytes() -> impl Strategy<Value = Bytes> {
    let len = prop_oneof![9 => 0..40_usize, 1 => 100..300_usize];
    let bytes = len.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len));
    bytes.prop_map(Bytes::from)
}

/// Numbers of every length.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64).prop_map(|(number, shift)| number >> shift)
}

fn content() -> impl Strategy<Value = Content> {
    let deflated = (1..=u64::MAX, bytes());
    prop_oneof![
        bytes().prop_map(Content::Plain),
        deflated.prop_map(|(length, stream)| Content::Deflated { length, stream }),
    ]
}

fn extensions() -> impl Strategy<Value = Extensions> {
    let duration = || number().prop_map(Duration::from_micros);
    let text = || prop::collection::vec(any::<u8>(), 1..64);
    let extension = prop_oneof![
        duration().prop_map(|left| Extensions::new().with_deadline(left)),
        duration().prop_map(|wait| Extensions::new().with_retry_after(wait)),
        text().prop_map(|text| Extensions::new().with_traceparent(&text)),
        text().prop_map(|text| Extensions::new().with_tracestate(&text)),
        text().prop_map(|text| Extensions::new().with_idempotency_key(&text)),
    ];
    let application = prop::collection::btree_map(64..128_u64, bytes(), 0..3);
    prop_oneof![
        Just(Extensions::new()),
        (extension, application).prop_map(|(first, application)| {
            let mut all = first.expect("it fits");
            for (tag, body) in application {
                all = all.with_application(tag, &body).expect("it fits");
            }
            all
        }),
    ]
}

fn features() -> impl Strategy<Value = Vec<String>> {
    let names = prop::collection::btree_set("[a-zé_]{1,9}", 0..4);
    names.prop_map(|names| names.into_iter().collect())
}

fn table() -> impl Strategy<Value = Vec<HelloEntry>> {
    let entry = (any::<u64>(), any::<u64>()).prop_map(|(name_hash, fingerprint)| HelloEntry {
        name_hash,
        fingerprint: Fingerprint::from_u64(fingerprint),
    });
    prop::collection::vec(entry, 0..4)
}

fn resume() -> impl Strategy<Value = Option<Resume>> {
    let topics = prop::collection::btree_map(bytes(), number(), 1..4);
    let resume = (any::<u64>(), topics).prop_map(|(epoch, topics)| Resume {
        epoch,
        topics: topics.into_iter().map(|(name, next)| ResumeTopic { name, next }).collect(),
    });
    prop::option::of(resume)
}

fn hello() -> impl Strategy<Value = Frame> {
    let fields = prop::collection::btree_map(
        any::<u32>(),
        ("[a-zé_]{0,9}", "[a-z]{0,3}", any::<u64>()),
        0..4,
    );
    let state =
        fields.prop_map(|fields| {
            let fields = fields.into_iter().map(|(index, (name, feature, fingerprint))| {
                HelloField { index, fingerprint: Fingerprint::from_u64(fingerprint), name, feature }
            });
            fields.collect::<Vec<_>>()
        });
    let interval = prop::option::of((1..=u64::MAX).prop_map(Duration::from_micros));
    let limits = (MAX_MESSAGE_BYTES..usize::MAX, interval, any::<bool>());
    let says = (prop::option::of(any::<u64>()), features(), state, table(), table(), resume());
    (limits, says).prop_map(
        |(
            (max_frame_bytes, heartbeat_interval, deflate),
            (epoch, features, state, methods, events, resume),
        )| {
            Frame::Hello(Box::new(Hello {
                revision: REVISION,
                max_frame_bytes,
                heartbeat_interval,
                deflate,
                epoch,
                features,
                state,
                methods,
                events,
                resume,
            }))
        },
    )
}

fn call_frame() -> impl Strategy<Value = Frame> {
    let id = || any::<u8>().prop_map(CallId);
    let why = prop_oneof![Just(Mismatch::Unknown), Just(Mismatch::Incompatible)];
    prop_oneof![
        (id(), any::<u32>(), extensions(), content()).prop_map(
            |(id, method, extensions, payload)| Frame::Call { id, method, extensions, payload }
        ),
        (id(), extensions(), content()).prop_map(|(id, extensions, payload)| Frame::Answer {
            id,
            extensions,
            payload
        }),
        (id(), call_error(), extensions()).prop_map(|(id, error, extensions)| Frame::Error {
            id,
            error,
            extensions,
        }),
        id().prop_map(|id| Frame::Cancel { id }),
        prop::collection::btree_map(any::<u32>(), why, 1..5).prop_map(|methods| {
            let methods = methods.into_iter().map(|(method, why)| RefusedMethod { method, why });
            Frame::Methods(methods.collect())
        }),
    ]
}

fn event_frame() -> impl Strategy<Value = Frame> {
    let start = prop_oneof![
        Just(TopicStart::Fresh),
        Just(TopicStart::Resumed),
        Just(TopicStart::Restarted),
    ];
    let reason = prop_oneof![
        Just(GapReason::Lagged),
        Just(GapReason::Conflated),
        Just(GapReason::Withheld),
        Just(GapReason::Expired),
        Just(GapReason::TooLong),
        (6..u32::MAX).prop_map(GapReason::Unknown),
        Just(GapReason::Unknown(0)),
    ];
    prop_oneof![
        (number(), content())
            .prop_map(|(revision, operations)| Frame::Snapshot { revision, operations }),
        (number(), content())
            .prop_map(|(revision, operations)| Frame::State { revision, operations }),
        (number(), number(), start, bytes()).prop_map(|(topic, next, start, name)| Frame::Topic {
            topic,
            next,
            start,
            name
        }),
        number().prop_map(|topic| Frame::Leave { topic }),
        (number(), number(), any::<u32>(), extensions(), content()).prop_map(
            |(topic, sequence, event, extensions, payload)| Frame::Event {
                topic,
                sequence,
                event,
                extensions,
                payload,
            }
        ),
        (number(), number(), number(), reason)
            .prop_map(|(topic, first, last, reason)| Frame::Gap { topic, first, last, reason }),
    ]
}

fn control_frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        (number(), number(), bytes()).prop_map(|(transfer, length, piece)| Frame::Begin {
            transfer,
            length,
            piece
        }),
        (number(), bytes()).prop_map(|(transfer, piece)| Frame::Chunk { transfer, piece }),
        (number(), number()).prop_map(|(transfer, bytes)| Frame::Credit { transfer, bytes }),
        number().prop_map(|transfer| Frame::Abort { transfer }),
        features().prop_map(Frame::Features),
        number().prop_map(|grace| Frame::GoingAway { grace: Duration::from_micros(grace) }),
        number().prop_map(|token| Frame::Ping { token }),
        number().prop_map(|token| Frame::Pong { token }),
    ]
}

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![call_frame(), event_frame(), control_frame(), hello()]
}

fn call_error() -> impl Strategy<Value = CallError> {
    prop_oneof![
        Just(CallError::Cancelled),
        Just(CallError::HandlerPanicked),
        Just(CallError::UnknownMethod),
        Just(CallError::IncompatibleMethod),
        Just(CallError::InvalidInput),
        Just(CallError::OutputTooLarge),
        Just(CallError::EncodeFailed),
        Just(CallError::GoingAway),
        Just(CallError::MissingFeature),
        Just(CallError::Busy),
        Just(CallError::DeadlineExceeded),
        (12..=u32::MAX).prop_map(CallError::Unknown),
        Just(CallError::Unknown(0)),
    ]
}
