//! Inputs and outputs in logs, where an application wants them there: see [`Telemetry::payloads`](crate::Telemetry::payloads).

use std::fmt;

use tracing::Level;

use super::Call;
use crate::context::Current;

/// The target of the events that have payloads.
const TARGET: &str = "hardlight::payload";

/// Finds out whether a value has `Debug`, where its type is written down: of `(&Shown(&value)).shown()` the compiler takes
/// [`ByDebug`] if it can, and else [`Hidden`].
#[derive(Debug)]
pub struct Shown<'a, T>(pub &'a T);

/// A value that has `Debug`.
pub trait ByDebug {
    /// The value.
    fn shown(&self) -> &dyn fmt::Debug;
}

impl<T: fmt::Debug> ByDebug for Shown<'_, T> {
    fn shown(&self) -> &dyn fmt::Debug {
        self.0
    }
}

/// A value that has none.
pub trait Hidden {
    /// In its place.
    fn shown(&self) -> &dyn fmt::Debug {
        &Nothing
    }
}

impl<T> Hidden for &Shown<'_, T> {}

/// Stands for a value that cannot be shown.
struct Nothing;

impl fmt::Debug for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// A value as a method shows it.
struct By<'a, T>(&'a T, fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result);

impl<T> fmt::Display for By<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.1)(self.0, f)
    }
}

/// Whether a subscriber wants payloads, as far as there are any to be had.
#[inline(always)]
pub(crate) fn wants_payloads() -> bool {
    tracing::enabled!(target: TARGET, Level::TRACE)
}

/// Logs what a call is made with, if that is wanted.
#[inline(always)]
pub fn log_input<I, R: Call<I>>(input: &I) {
    if R::SHOWS && wants_payloads() {
        log_on_server("input", input, R::show_input);
    }
}

/// Logs what a call answers, if that is wanted.
#[inline(always)]
pub(crate) fn log_output<I, R: Call<I>>(output: &R::Output) {
    if R::SHOWS && wants_payloads() {
        log_on_server("output", output, R::show_output);
    }
}

#[cold]
fn log_on_server<T>(what: &str, value: &T, show: fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result) {
    if let Some(method) = Current::method_with_payloads() {
        log(what, &method, value, show);
    }
}

#[cold]
pub(crate) fn log<T>(
    what: &str,
    method: &str,
    value: &T,
    show: fn(&T, &mut fmt::Formatter<'_>) -> fmt::Result,
) {
    let payload = By(value, show);
    tracing::event!(target: TARGET, Level::TRACE, rpc.method = method, payload = %payload, "{what}");
}
