//! Calls and answers of values, encoded where they leave from: a short one costs no memory of its own.

use bytes::{Bytes, BytesMut};

use super::{Client, Connection, Link, Role, Server};
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
        self.check_call(method)?;
        self.link.encode(input)?;
        if !self.is_open() || !self.link.takes_encoded_short() {
            let payload = self.link.take_encoded();
            return self.call(method, payload);
        }
        let id = self.next_id()?;
        self.link.push_encoded(ShortHead::call(id, method));
        Ok(id)
    }
}

impl Connection<Server> {
    /// [`answer`](Self::answer) with a value. Its type must be the output of the method in the schema: the client decodes
    /// what it gets as that, and another type may well decode to another value. A value that has no payload becomes
    /// [`CallError::EncodeFailed`].
    pub fn answer_value<T: Codable>(&mut self, id: CallId, output: &T) {
        if !self.is_running(id) {
            return;
        }
        if let Err(error) = self.link.encode(output) {
            return self.answer(id, Err(error));
        }
        if !self.link.takes_encoded_short() {
            let payload = self.link.take_encoded();
            return self.answer(id, Ok(payload));
        }
        self.end_running(id);
        self.link.push_encoded(ShortHead::answer(id));
        self.finish_draining();
    }

    /// [`answer_value`](Self::answer_value), or [`answer`](Self::answer) with the error: what a method came to.
    pub fn answer_result<T: Codable>(&mut self, id: CallId, result: Result<T, CallError>) {
        match result {
            Ok(output) => self.answer_value(id, &output),
            Err(error) => self.answer(id, Err(error)),
        }
    }
}

impl<R: Role> Link<R> {
    /// Encodes a value into `encoded`.
    #[inline]
    fn encode<T: Codable>(&mut self, value: &T) -> Result<(), CallError> {
        self.encoded.clear();
        payload::encode(value, &mut self.encoded).map_err(|_| {
            self.bound_encoded();
            CallError::EncodeFailed
        })
    }

    /// Whether what was encoded goes out in its shortest form, at once.
    #[inline]
    fn takes_encoded_short(&self) -> bool {
        self.takes_short(&self.encoded, &Extensions::new())
    }

    /// Sends what was encoded behind this.
    #[inline]
    fn push_encoded(&mut self, head: ShortHead) {
        self.outbox.push_short(head, &self.encoded);
        self.bound_encoded();
    }

    /// What was encoded, in memory of its own.
    fn take_encoded(&mut self) -> Bytes {
        if self.encoded.capacity() <= MAX_KEPT_BYTES {
            return Bytes::copy_from_slice(&self.encoded);
        }
        core::mem::take(&mut self.encoded).freeze()
    }

    #[inline]
    fn bound_encoded(&mut self) {
        if self.encoded.capacity() > MAX_KEPT_BYTES {
            self.encoded = BytesMut::new();
        }
    }
}
