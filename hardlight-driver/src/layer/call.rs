//! A call on its way to its handler.

use std::{any::type_name, fmt, time::Duration};

use bytes::Bytes;
use hardlight_proto::{CallError, Codable, MethodSchema, payload};

use super::{
    Answer, Outcome,
    first_of::{First, first_of},
};
use crate::{
    clock::Deadline,
    context::{CallContext, TypeMap},
    service::MethodTypes,
};

/// A call on its way to its handler, as a [`Layer`](super::Layer) sees it.
pub struct Call {
    pub(super) method: u32,
    pub(super) input: Bytes,
    /// The one that the handler finds by itself.
    own: CallContext,
    /// The one that it is to find instead.
    pub(super) given: Option<CallContext>,
    schema: &'static MethodSchema,
    pub(super) types: Option<&'static MethodTypes>,
}

impl Call {
    pub(super) const fn new(
        method: u32,
        input: Bytes,
        own: CallContext,
        schema: &'static MethodSchema,
        types: Option<&'static MethodTypes>,
    ) -> Self {
        Self { method, input, own, given: None, schema, types }
    }

    /// The method's name in the trait.
    pub const fn method(&self) -> &'static str {
        self.schema.name
    }

    /// The method's place among those of the connection, from 0: in the order of the trait, and of the services if there are
    /// several.
    pub const fn method_index(&self) -> u32 {
        self.method
    }

    /// What is known of the method: which feature it needs, whether it is secret, idempotent, or not to be cancelled.
    pub const fn schema(&self) -> &'static MethodSchema {
        self.schema
    }

    /// The context of the call: the service, the connection and what is kept for it, the deadline, whether it was given up.
    pub fn context(&self) -> &CallContext {
        self.given.as_ref().unwrap_or(&self.own)
    }

    /// This call with another context, for the handler, which finds it as [`CallContext::current`], and for the layers within,
    /// which have it by [`context`](Self::context): what is current in them is still the call's own. One that was made of
    /// `context` is meant.
    #[must_use]
    pub fn with_context(mut self, context: CallContext) -> Self {
        self.given = Some(context);
        self
    }

    /// How long the arguments are, in bytes, as they have arrived.
    pub const fn input_len(&self) -> usize {
        self.input.len()
    }

    /// The arguments, decoded: `input::<counter::IncrementInput>()`, with a field for each. `None` if it is another method's type.
    ///
    /// It takes what decoding takes; the handler's are decoded again.
    ///
    /// # Errors
    ///
    /// [`CallError::InvalidInput`] if they do not decode. The handler would not run either.
    pub fn input<I: Codable + 'static>(&self) -> Result<Option<I>, CallError> {
        if !self.types.is_some_and(MethodTypes::takes::<I>) {
            return Ok(None);
        }
        payload::decode(&self.input).map(Some).map_err(|_| CallError::InvalidInput)
    }

    /// An answer in place of the handler's: what the method returns, whole. For one that returns a `Result` that is a `Result`,
    /// so an error of the application's own is `call.answer(&Err::<u32, _>(Underflow))`.
    ///
    /// # Errors
    ///
    /// [`CallError::EncodeFailed`] if it cannot be encoded.
    ///
    /// # Panics
    ///
    /// If the method returns another type. As a panic of the handler that ends the call alone.
    #[track_caller]
    pub fn answer<O: Codable + 'static>(&self, output: &O) -> Outcome {
        let types = self.types.filter(|types| types.answers::<O>());
        let Some(types) = types else { self.returns_another::<O>() };
        let payload = payload::encode_to_bytes(output).map_err(|_| CallError::EncodeFailed)?;
        Ok(Answer::new(payload, types.is_error(output), Some(types)))
    }

    #[track_caller]
    fn returns_another<O>(&self) -> ! {
        let returned = self.types.map_or("a type that is not known", MethodTypes::output_name);
        let (method, given) = (self.method(), type_name::<O>());
        panic!("`{method}` returns `{returned}`, and was to be answered with `{given}`")
    }

    /// Waits that long, by the clock of the connection: on every runtime, and in a test's time. Once the connection has ended nobody
    /// waits any longer.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + use<> {
        let timed = self.own.alarms().zip(self.own.clock());
        let wait = timed.map(|(alarms, clock)| alarms.wait_until(clock.now() + duration, clock));
        async {
            match wait {
                Some(wait) => wait.await,
                None => std::future::pending().await,
            }
        }
    }

    /// A deadline that long from now on, by the clock of the connection.
    pub(super) fn deadline_after(&self, duration: Duration) -> Option<Deadline> {
        self.own.clock().map(|clock| Deadline::after(clock, duration))
    }

    /// The clock of the connection.
    #[cfg(feature = "rate-limit")]
    pub(super) fn clock(&self) -> Option<&crate::clock::Clock> {
        self.own.clock()
    }

    pub(super) fn has_feature(&self, feature: &str) -> bool {
        self.own.has_named(feature)
    }

    pub(super) fn connection_extensions(&self) -> Option<&TypeMap> {
        self.own.connection_extensions()
    }

    /// Waits for `future`, unless the call is given up: a call of a method that is not to be cancelled is not dropped then. It does
    /// not run either, though what it waits for may be there as well, as every time is once the connection has ended.
    ///
    /// # Errors
    ///
    /// If it was given up: [`CallError::DeadlineExceeded`] where that is why, and else [`CallError::Cancelled`].
    pub(super) async fn unless_cancelled<F: Future>(
        &self,
        future: F,
    ) -> Result<F::Output, CallError> {
        let given_up = self.own.cancellation();
        match first_of(given_up.cancelled(), future).await {
            First::Other(output) => Ok(output),
            First::One(()) if self.is_late() => Err(CallError::DeadlineExceeded),
            First::One(()) => Err(CallError::Cancelled),
        }
    }

    /// A layer refuses the call.
    pub(super) fn note_refusal(&self, limit: &'static str) {
        self.own.note_refusal(limit);
    }

    fn is_late(&self) -> bool {
        self.own.remaining().is_some_and(|left| left.is_zero())
    }
}

/// Shows nothing of the arguments: they may be secret.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("service", &self.own.service())
            .field("method", &self.method())
            .field("input_len", &self.input_len())
            .finish_non_exhaustive()
    }
}
