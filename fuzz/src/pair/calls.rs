//! What becomes of every call.

use bytes::Bytes;
use hardlight_proto::CallError;

use crate::{noise::content, wire::PEER_FRAME_BYTES};

/// All calls that were made, by their serial numbers.
#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

struct Call {
    method: u32,
    input_len: usize,
    started: bool,
    /// What the server has answered: the length of its output.
    answer: Option<Result<usize, CallError>>,
    cancelled: bool,
    /// The client has its answer.
    ended: bool,
}

impl Calls {
    /// The number that the next call will have.
    pub(super) fn next(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, method: u32, input_len: usize) {
        self.0.push(Call {
            method,
            input_len,
            started: false,
            answer: None,
            cancelled: false,
            ended: false,
        });
    }

    pub(super) fn input(number: usize, len: usize) -> Bytes {
        content(number as u64, len)
    }

    pub(super) fn output(number: usize, counter: u64, len: usize) -> Bytes {
        [&counter.to_le_bytes(), &content(number as u64, len)[..]]
            .concat()
            .into()
    }

    pub(super) fn cancel(&mut self, number: usize) {
        self.0[number].cancelled = true;
    }

    /// A call reaches the server's application: its number.
    pub(super) fn start(&mut self, method: u32, input: &Bytes) -> usize {
        let number = number(input);
        let call = &mut self.0[number];
        assert!(!call.started, "call {number} started twice");
        assert!(!call.ended, "call {number} started after its answer");
        assert_eq!(method, call.method);
        assert!(*input == Self::input(number, call.input_len));
        call.started = true;
        number
    }

    pub(super) fn answer(&mut self, number: usize, answer: Result<usize, CallError>) {
        let call = &mut self.0[number];
        assert!(call.started && call.answer.is_none());
        call.answer = Some(answer);
    }

    /// A call has ended at the client, whose copy of the state has come as far as `counter` says.
    pub(super) fn end(&mut self, number: usize, result: &Result<Bytes, CallError>, counter: u64) {
        let call = &mut self.0[number];
        assert!(!call.ended, "call {number} ended twice");
        call.ended = true;
        match result {
            Ok(output) => {
                let Some(Ok(len)) = call.answer else {
                    panic!("the answer was {:?}", call.answer)
                };
                let changed = u64::from_le_bytes(*output.first_chunk().expect("it has a counter"));
                assert!(changed <= counter, "an answer came before the state");
                assert!(*output == Self::output(number, changed, len));
            }
            Err(CallError::OutputTooLarge) => {
                assert!(matches!(call.answer, Some(Ok(len)) if len > PEER_FRAME_BYTES - 64));
            }
            Err(CallError::Cancelled) => assert!(call.cancelled),
            Err(CallError::GoingAway | CallError::Busy | CallError::InputTooLarge { .. }) => {
                assert!(!call.started);
            }
            Err(CallError::MissingFeature) => assert!(!call.started && call.method == 1),
            Err(error) => assert_eq!(call.answer.as_ref(), Some(&Err(error.clone()))),
        }
    }
}

fn number(input: &Bytes) -> usize {
    u64::from_le_bytes(*input.first_chunk().expect("it has a number")) as usize
}
