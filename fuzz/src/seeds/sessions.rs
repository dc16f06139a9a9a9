//! Sessions of the vectors as scripts. What a script cannot say is left out: limits, the contents of payloads, names.

use bytes::Bytes;
use serde_json::Value;

use super::vectors::{MAX_BYTES, hex, text};
use crate::script::{Script, Setup, Step};

/// A session as each target sees it.
pub(super) fn scripts(case: &Value) -> [(&'static str, Script); 3] {
    ["client", "server", "pair"].map(|target| (target, script(target, case)))
}

fn script(target: &str, case: &Value) -> Script {
    let mut now = 0;
    let mut steps = Vec::new();
    for step in case["steps"].as_array().expect("it has steps") {
        if target != "pair" && step["end"] != target {
            continue;
        }
        let (input, at) = (&step["input"], number(&step["at"]));
        let passed = (at - now) / 1000;
        now = at;
        if input["time"] == true {
            steps.push(Step::Pass(passed.try_into().unwrap_or(u16::MAX)));
        } else if let Some(message) = input.get("message") {
            // Each end of a pair sends its own.
            let message = Some(hex(message)).filter(|_| target != "pair");
            let short = message.filter(|message| message.len() <= MAX_BYTES);
            steps.extend(short.map(|message| Step::Message(Bytes::from(message))));
        } else {
            steps.extend(other(target, input));
        }
        steps.push(Step::Drain);
    }
    let setup = setup(target, &case["config"]);
    Script { setup, steps }
}

fn setup(target: &str, config: &Value) -> Setup {
    let compresses = |end: &str| config[end]["compression"] == true;
    let (ours, theirs) = if target == "client" {
        ("client", "server")
    } else {
        ("server", "client")
    };
    Setup {
        compression: compresses(ours),
        peer_compression: compresses(theirs),
        resumes: !config["server"]["epoch"].is_null(),
        heartbeats: config["server"]["limits"]
            .get("heartbeat_interval")
            .is_none(),
        long_snapshot: false,
    }
}

/// What is neither a message nor time.
fn other(target: &str, input: &Value) -> Option<Step> {
    // As long as a script can say.
    let len = |key: &str| match hex(&input[key]).len() {
        len @ ..4096 => len,
        ..66_000 => 4095,
        len => len.min(190_000),
    };
    let id = || input["id"].as_u64().unwrap_or_default() as u8;
    let topic = || number(&input["topic"]) as u8;
    if input["text"] == true {
        return Some(Step::Text);
    }
    if input["lost"] == true {
        return Some(Step::Lost);
    }
    if let Some(closed) = input.get("closed") {
        return (target != "pair").then(|| Step::PeerCloses(code(closed)));
    }
    Some(match input["command"].as_str()? {
        "call" => Step::Call {
            method: input["method"].as_u64()? as u8,
            len: len("payload"),
        },
        "cancel" => Step::Cancel(id()),
        "reject_state" => Step::RejectState,
        "reject_state_size" => Step::RejectStateSize,
        "answer" => Step::Answer {
            id: id(),
            len: Some(len("payload")),
        },
        "fail" => Step::Answer {
            id: id(),
            len: None,
        },
        "state" => Step::State {
            len: len("operations"),
        },
        "features" => Step::Features(input["features"].as_array()?.len() as u8),
        "announce" => Step::Announce {
            topic: topic(),
            len: len("name") as u16,
        },
        "leave" => Step::Leave { topic: topic() },
        "emit" => Step::Event {
            topic: topic(),
            skip: 0,
            len: len("payload"),
        },
        "skip" => Step::Skip {
            topic: topic(),
            more: 0,
        },
        "close" => Step::Close,
        "abort" => Step::Abort,
        other => panic!("`{other}` is no command that is known here"),
    })
}

fn code(closed: &Value) -> u16 {
    closed["code"].as_u64().expect("a code") as u16
}

fn number(value: &Value) -> u64 {
    text(value).parse().expect("a number")
}
