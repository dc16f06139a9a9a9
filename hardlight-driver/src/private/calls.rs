//! What generated clients and dispatchers do to each call.

use std::{fmt, future::poll_fn, marker::PhantomData, pin::pin};

use bytes::Bytes;
use hardlight_proto::{
    CallError, Codable, ConnectionState, Events, ServiceSchema, WithValues, payload, read_varint,
};

use super::shown::{log, log_output};
use crate::{
    ClientConnection, Error, Offload, ServerConnection, ServiceMethod,
    client::Payloads,
    context::Current,
    offload::{dropped_elsewhere, offloaded},
    service::failed,
};

/// How long a payload is, in bytes, that is not encoded and decoded in the task of its connection: from here on that takes
/// longer than to have it done elsewhere, and others would wait for it.
const LONG_BYTES: usize = 1024 * 1024;

/// Reads the arguments of a call, and lets go of their bytes: they are part of the message they came in, and would keep
/// all of it for as long as the handler runs.
///
/// # Errors
///
/// [`CallError::InvalidInput`] if they do not decode.
#[inline]
pub async fn decode_input<T: Codable>(input: Bytes) -> Result<T, CallError> {
    if input.len() < LONG_BYTES {
        return decode(&input);
    }
    elsewhere(move |_| decode(&input)).await
}

/// Writes the result of a call, and lets go of it. Whoever runs the handler finds out whether it is an error of the application's.
///
/// # Errors
///
/// [`CallError::EncodeFailed`] if it cannot be encoded.
#[inline]
pub async fn encode_output<I: Codable, R: Call<I>>(output: R::Output) -> Result<Bytes, CallError> {
    let is_error = R::is_error(&output);
    log_output::<I, R>(&output);
    let encoded = if payload::min_bytes(&output, LONG_BYTES) < LONG_BYTES {
        encode(&output)
    } else {
        elsewhere(move |offload| Ok(dropped_elsewhere(offload, encode(&output)?))).await
    };
    if is_error {
        // With the poll that the handler ends in.
        Current::note_failure();
        failed::note();
    }
    encoded
}

/// Runs a call that its application was given as bytes: what it ends with is none of the call's in whose handler that may be.
pub async fn apart<F: Future>(call: F) -> F::Output {
    let mut call = pin!(call);
    poll_fn(|cx| {
        let (polled, failed) = failed::during(|| call.as_mut().poll(cx));
        if failed {
            // The handler around it has not ended.
            Current::set_failure(false);
        }
        polled
    })
    .await
}

fn decode<T: Codable>(input: &[u8]) -> Result<T, CallError> {
    payload::decode(input).map_err(|_| CallError::InvalidInput)
}

fn encode<T: Codable>(output: &T) -> Result<Bytes, CallError> {
    payload::encode_to_bytes(output).map_err(|_| CallError::EncodeFailed)
}

/// Does what is long elsewhere, for the call that runs here.
async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce(Offload) -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    let offload = Current::offload();
    // Behind a pointer: few calls are long, and the others' futures need not have room for it.
    let done = Box::pin(offloaded(offload, move || work(offload))).await;
    done.unwrap_or(Err(CallError::HandlerPanicked))
}

/// Says that the method with the input `I` returns `Output`. Implemented for [`Returns`], once for each method.
///
/// What works with a result asks for `Call` rather than for `Codable`, so that a type that cannot travel is reported
/// once, where it is implemented, and not for every use.
pub trait Call<I> {
    /// What the method returns.
    type Output: Codable;

    /// Whether this is an error of the application's.
    fn is_error(output: &Self::Output) -> bool {
        let _ = output;
        false
    }

    /// Whether inputs and outputs may be logged: the method is not secret.
    const SHOWS: bool = false;

    /// Writes the input into a log.
    fn show_input(input: &I, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = input;
        f.write_str("_")
    }

    /// Writes the output into a log.
    fn show_output(output: &Self::Output, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = output;
        f.write_str("_")
    }
}

/// Asks a [`Call`] about its payloads.
struct Fallible<I, R>(PhantomData<(I, R)>);

impl<I, R: Call<I>> Payloads<I, R::Output> for Fallible<I, R> {
    fn is_error(output: &R::Output) -> bool {
        R::is_error(output)
    }

    fn log_input(method: &str, input: &I) {
        if R::SHOWS {
            log("input", method, input, R::show_input);
        }
    }

    fn log_output(method: &str, output: &R::Output) {
        if R::SHOWS {
            log("output", method, output, R::show_output);
        }
    }
}

/// Stands for a return type in implementations of [`Call`]. The type is an argument here, so that it may be more private
/// than the service.
#[derive(Debug)]
pub struct Returns<O>(PhantomData<O>);

/// Says what the state and the events of the service with the methods `M` are. Implemented for [`Types`], once for each
/// service.
///
/// What works with a state asks for `ServiceTypes` rather than for `ConnectionState`, so that a type that is no state is
/// reported once, where this is implemented, and not for every use. Likewise for events.
pub trait ServiceTypes<M>: 'static {
    /// The connection state.
    type State: ConnectionState;

    /// The events.
    type Events: Events;
}

/// Stands for the state and the events in implementations of [`ServiceTypes`]. The types are arguments here, so that they
/// may be more private than the service.
#[derive(Debug)]
pub struct Types<S, E>(PhantomData<fn() -> (S, E)>);

/// Sets the state, with the values beside it, and the events in a schema.
pub fn types<M, T: ServiceTypes<M>>(schema: ServiceSchema) -> ServiceSchema {
    schema.state::<WithValues<T::State>>().events::<T::Events>()
}

/// Adds a method to a schema.
pub fn method<I: Codable, R: Call<I>>(schema: ServiceSchema, name: &'static str) -> ServiceSchema {
    schema.method::<I, R::Output>(name)
}

/// Says in a schema what its methods need: those of `methods`, in the same order.
pub fn needs<M: ServiceMethod>(mut schema: ServiceSchema, methods: &[M]) -> ServiceSchema {
    for (described, method) in schema.methods.iter_mut().zip(methods) {
        described.feature = method.feature();
        described.secret = method.is_secret();
        described.idempotent = method.is_idempotent();
        described.no_cancel = method.is_uncancellable();
    }
    schema
}

/// [`ClientConnection::call`] of a method.
///
/// # Errors
///
/// As there.
pub async fn call<I: Codable, R: Call<I>, S: ConnectionState, E: Events>(
    connection: &ClientConnection<S, E>,
    method: u32,
    input: I,
) -> Result<R::Output, Error> {
    connection.call_fallible::<I, R::Output, Fallible<I, R>>(method, input).await
}

/// [`ClientConnection::try_call`] of a method.
///
/// # Errors
///
/// As there.
pub async fn try_call<I: Codable, R: Call<I>, S: ConnectionState, E: Events>(
    connection: &ClientConnection<S, E>,
    method: u32,
    input: I,
) -> Result<R::Output, Error> {
    connection.try_call_fallible::<I, R::Output, Fallible<I, R>>(method, input).await
}

/// Whether a client may call a method. No method of the connection, so that each client has it for its own methods only.
pub fn can<S: ConnectionState, E: Events>(
    connection: &ClientConnection<S, E>,
    method: impl ServiceMethod,
) -> bool {
    connection.can(method)
}

/// Whether a connection may call a method.
///
/// # Errors
///
/// [`CallError::MissingFeature`] if it lacks the feature that the method needs.
pub fn check_feature<S: ConnectionState, E: Events>(
    connection: &ServerConnection<S, E>,
    method: impl ServiceMethod,
) -> Result<(), CallError> {
    let features = connection.features();
    let lacks = method.feature().is_some_and(|feature| !features.contains_name(feature));
    if lacks { Err(CallError::MissingFeature) } else { Ok(()) }
}

/// The method with this index in trait order.
///
/// # Errors
///
/// [`CallError::UnknownMethod`] if there is none.
pub fn method_at<M: Copy>(methods: &[M], index: u32) -> Result<M, CallError> {
    let index = usize::try_from(index).ok();
    index.and_then(|index| methods.get(index)).copied().ok_or(CallError::UnknownMethod)
}

/// Takes the application's error out of a result that travelled.
///
/// # Errors
///
/// What either result holds.
pub fn flatten<T, E>(result: Result<Result<T, E>, Error>) -> Result<T, Error<E>> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Error::Application(error)),
        Err(error) => Err(error.widen()),
    }
}

/// Splits what `handle_rpc_call` is given: the method's index, a varint in its shortest form, and the payload.
///
/// # Errors
///
/// [`CallError::InvalidInput`] if there is no such varint at the front; [`CallError::UnknownMethod`] if it is larger
/// than any index.
pub fn split_method(input: &[u8]) -> Result<(u32, Bytes), CallError> {
    let (method, used) = read_varint(input).map_err(|_| CallError::InvalidInput)?;
    let method = u32::try_from(method).map_err(|_| CallError::UnknownMethod)?;
    Ok((method, Bytes::copy_from_slice(&input[used..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_split_from_its_payload() {
        assert_eq!(split_method(&[0]), Ok((0, Bytes::new())));
        assert_eq!(split_method(&[0x80, 1, 7]), Ok((128, Bytes::from_static(&[7]))));
        assert_eq!(split_method(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok((u32::MAX, Bytes::new())));
    }

    #[test]
    fn only_the_shortest_form_of_a_method_index_is_read() {
        assert_eq!(split_method(&[]), Err(CallError::InvalidInput));
        assert_eq!(split_method(&[0x80]), Err(CallError::InvalidInput));
        assert_eq!(split_method(&[0x80, 0]), Err(CallError::InvalidInput));
        assert_eq!(split_method(&[0xff; 11]), Err(CallError::InvalidInput));
    }

    #[test]
    fn an_index_beyond_32_bits_is_no_method() {
        assert_eq!(split_method(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(CallError::UnknownMethod));
    }

    #[test]
    fn errors_are_flattened() {
        assert_eq!(flatten::<u8, &str>(Ok(Ok(1))), Ok(1));
        assert_eq!(flatten::<u8, _>(Ok(Err("no"))), Err(Error::Application("no")));
        let lost = CallError::Cancelled;
        assert_eq!(flatten::<u8, &str>(Err(Error::Call(lost.clone()))), Err(Error::Call(lost)));
    }
}
