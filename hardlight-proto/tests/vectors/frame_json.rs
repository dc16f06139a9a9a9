//! Frames as the vectors write them.

use hardlight_proto::{
    CallError, Content, Extensions, Frame, GapReason, Hello, HelloEntry, Mismatch, Resume,
    TopicStart,
};
use serde_json::{Map, Value, json};

use crate::hex_text::{hex, micros};

/// A frame as an object: its name in `frame`, and its fields.
pub(crate) fn frame_json(frame: &Frame) -> Value {
    let mut fields = Map::new();
    fields.insert("frame".into(), frame.name().into());
    let rest = match frame {
        Frame::Hello(hello) => hello_json(hello),
        Frame::Methods(methods) => {
            let methods = methods.iter().map(|refused| {
                let why = match refused.why {
                    Mismatch::Unknown => 3,
                    Mismatch::Incompatible => 4,
                };
                json!({ "method": refused.method, "code": why })
            });
            json!({ "methods": methods.collect::<Vec<_>>() })
        }
        Frame::Call { id, method, extensions, payload } => {
            with_content(json!({ "id": id.0, "method": method }), extensions, "payload", payload)
        }
        Frame::Answer { id, extensions, payload } => {
            with_content(json!({ "id": id.0 }), extensions, "payload", payload)
        }
        Frame::Error { id, error, extensions } => {
            with_extensions(json!({ "id": id.0, "code": code(error) }), extensions)
        }
        Frame::Cancel { id } => json!({ "id": id.0 }),
        Frame::Snapshot { revision, operations } | Frame::State { revision, operations } => {
            let revision = json!({ "revision": revision.to_string() });
            with_content(revision, &Extensions::new(), "operations", operations)
        }
        Frame::Topic { topic, next, start, name } => json!({
            "topic": topic.to_string(),
            "next": next.to_string(),
            "start": start_name(*start),
            "name": hex(name),
        }),
        Frame::Leave { topic } => json!({ "topic": topic.to_string() }),
        Frame::Event { topic, sequence, event, extensions, payload } => {
            let ids = json!({
                "topic": topic.to_string(),
                "sequence": sequence.to_string(),
                "event": event,
            });
            with_content(ids, extensions, "payload", payload)
        }
        Frame::Gap { topic, first, last, reason } => json!({
            "topic": topic.to_string(),
            "first": first.to_string(),
            "last": last.to_string(),
            "reason": reason_code(*reason),
        }),
        Frame::Begin { transfer, length, piece } => json!({
            "transfer": transfer.to_string(),
            "length": length.to_string(),
            "piece": hex(piece),
        }),
        Frame::Chunk { transfer, piece } => {
            json!({ "transfer": transfer.to_string(), "piece": hex(piece) })
        }
        Frame::Credit { transfer, bytes } => {
            json!({ "transfer": transfer.to_string(), "bytes": bytes.to_string() })
        }
        Frame::Abort { transfer } => json!({ "transfer": transfer.to_string() }),
        Frame::Features(features) => json!({ "features": features }),
        Frame::GoingAway { grace } => json!({ "grace": micros(*grace) }),
        Frame::Ping { token } | Frame::Pong { token } => json!({ "token": token.to_string() }),
        other => panic!("{} frames have no form in the vectors yet", other.name()),
    };
    let Value::Object(rest) = rest else { unreachable!("fields are an object") };
    fields.extend(rest);
    Value::Object(fields)
}

/// The code of an error in ERROR frames.
pub(crate) fn code(error: &CallError) -> u32 {
    match error {
        CallError::Cancelled => 1,
        CallError::HandlerPanicked => 2,
        CallError::UnknownMethod => 3,
        CallError::IncompatibleMethod => 4,
        CallError::InvalidInput => 5,
        CallError::OutputTooLarge => 6,
        CallError::EncodeFailed => 7,
        CallError::GoingAway => 8,
        CallError::MissingFeature => 9,
        CallError::Busy => 10,
        CallError::DeadlineExceeded => 11,
        CallError::Unknown(code) => *code,
        other => panic!("{other:?} does not travel"),
    }
}

pub(crate) fn reason_code(reason: GapReason) -> u32 {
    match reason {
        GapReason::Lagged => 1,
        GapReason::Conflated => 2,
        GapReason::Withheld => 3,
        GapReason::Expired => 4,
        GapReason::TooLong => 5,
        GapReason::Unknown(code) => code,
        other => panic!("{other:?} has no code in the vectors yet"),
    }
}

pub(crate) const fn start_name(start: TopicStart) -> &'static str {
    match start {
        TopicStart::Fresh => "FRESH",
        TopicStart::Resumed => "RESUMED",
        TopicStart::Restarted => "RESTARTED",
    }
}

pub(crate) fn extensions_json(extensions: &Extensions) -> Value {
    let extensions = extensions.iter();
    extensions.map(|(tag, body)| json!({ "tag": tag.to_string(), "body": hex(&body) })).collect()
}

pub(crate) fn resume_json(resume: &Resume) -> Value {
    let topics = resume.topics.iter();
    let topics =
        topics.map(|topic| json!({ "next": topic.next.to_string(), "name": hex(&topic.name) }));
    json!({ "epoch": resume.epoch.to_string(), "topics": topics.collect::<Vec<_>>() })
}

fn with_extensions(mut fields: Value, extensions: &Extensions) -> Value {
    if !extensions.is_empty() {
        fields["extensions"] = extensions_json(extensions);
    }
    fields
}

fn with_content(fields: Value, extensions: &Extensions, key: &str, content: &Content) -> Value {
    let mut fields = with_extensions(fields, extensions);
    fields[key] = match content {
        Content::Plain(payload) => hex(payload).into(),
        Content::Deflated { length, stream } => {
            json!({ "length": length.to_string(), "deflated": hex(stream) })
        }
    };
    fields
}

/// What a HELLO says; what it leaves out is left out.
fn hello_json(hello: &Hello) -> Value {
    let mut fields = json!({
        "revision": hello.revision,
        "max_frame_bytes": hello.max_frame_bytes.to_string(),
    });
    let mut set = |key: &str, value: Value| fields[key] = value;
    if let Some(interval) = hello.heartbeat_interval {
        set("heartbeat_interval", micros(interval).into());
    }
    if hello.deflate {
        set("capabilities", json!(["DEFLATE"]));
    }
    if let Some(epoch) = hello.epoch {
        set("epoch", epoch.to_string().into());
    }
    if !hello.features.is_empty() {
        set("features", json!(hello.features));
    }
    if !hello.state.is_empty() {
        let fields = hello.state.iter().map(|field| {
            json!({
                "index": field.index,
                "fingerprint": field.fingerprint.to_string(),
                "name": field.name,
                "feature": field.feature,
            })
        });
        set("state", fields.collect());
    }
    if !hello.methods.is_empty() {
        set("methods", hello.methods.iter().map(entry_json).collect());
    }
    if !hello.events.is_empty() {
        set("events", hello.events.iter().map(entry_json).collect());
    }
    if let Some(resume) = &hello.resume {
        set("resume", resume_json(resume));
    }
    fields
}

fn entry_json(entry: &HelloEntry) -> Value {
    json!({
        "name_hash": format!("{:016x}", entry.name_hash),
        "fingerprint": entry.fingerprint.to_string(),
    })
}
