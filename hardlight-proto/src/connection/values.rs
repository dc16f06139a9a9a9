//! Calls and answers of values, encoded where they leave from: a short one costs no memory of its own.

use bytes::Bytes;

use super::{Client, Connection, Link, Server};
use crate::{
    error::CallError,
    frame::{CallId, Extensions, ShortHead},
    payload::{self, Codable},
};

/// The most memory that is kept for values to come, in bytes.
const MAX_KEPT_BYTES: usize = 4096;

impl Connection<Client> {
    /// [`call`](Self::call) with a value. Its type must be the input of the method in the schema: the server decodes what
    /// it gets as that, and another type may well decode to another value.
    ///
    /// # Errors
    ///
    /// As there, and [`CallError::EncodeFailed`] for a value that has no payload (see [`payload::encode`]).
    pub fn call_value<T: Codable>(&mut self, method: u32, input: &T) -> Result<CallId, CallError> {
        self.link.encode(input)?;
        let goes = self.is_open() && self.link.takes_short(&self.link.encoded, &Extensions::new());
        if !goes {
            let payload = self.link.take_encoded();
            return self.call(method, payload);
        }
        self.check_method(method)?;
        let id = self.next_id()?;
        self.link.outbox.push_short(ShortHead::call(id, method), &self.link.encoded);
        Ok(id)
    }
}

impl Connection<Server> {
    /// [`answer`](Self::answer) with a value. Its type must be the output of the method in the schema: the client decodes
    /// what it gets as that, and another type may well decode to another value. A value that has no payload becomes
    /// [`CallError::EncodeFailed`].
    pub fn answer_value<T: Codable>(&mut self, id: CallId, output: &T) {
        if let Err(error) = self.link.encode(output) {
            return self.answer(id, Err(error));
        }
        if !self.link.takes_short(&self.link.encoded, &Extensions::new()) {
            let payload = self.link.take_encoded();
            return self.answer(id, Ok(payload));
        }
        if self.end_running(id) {
            self.link.outbox.push_short(ShortHead::answer(id), &self.link.encoded);
            self.finish_draining();
        }
    }

    /// [`answer_value`](Self::answer_value), or [`answer`](Self::answer) with the error: what a method came to.
    pub fn answer_result<T: Codable>(&mut self, id: CallId, result: Result<T, CallError>) {
        match result {
            Ok(output) => self.answer_value(id, &output),
            Err(error) => self.answer(id, Err(error)),
        }
    }
}

impl Link {
    /// Encodes a value into `encoded`.
    #[inline]
    fn encode<T: Codable>(&mut self, value: &T) -> Result<(), CallError> {
        self.encoded.clear();
        payload::encode(value, &mut self.encoded).map_err(|_| CallError::EncodeFailed)
    }

    /// What was encoded, in memory of its own.
    fn take_encoded(&mut self) -> Bytes {
        if self.encoded.len() <= MAX_KEPT_BYTES {
            return Bytes::copy_from_slice(&self.encoded);
        }
        core::mem::take(&mut self.encoded).freeze()
    }
}
