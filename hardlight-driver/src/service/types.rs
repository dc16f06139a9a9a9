//! Which types the methods of a service have, for those who see calls from outside of the handlers.

use std::{
    any::{Any, TypeId, type_name},
    fmt,
};

/// The types of a method: what its calls and answers may be decoded as.
#[derive(Clone, Copy)]
pub struct MethodTypes {
    input: Type,
    output: Type,
    /// Whether an output is the application's own error; `None` where none is.
    is_error: Option<fn(&dyn Any) -> bool>,
}

#[derive(Clone, Copy)]
struct Type {
    id: TypeId,
    name: fn() -> &'static str,
}

impl Type {
    const fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T> }
    }
}

/// An output that may be the application's own error. Implemented for `Result` alone.
pub trait MayFail: 'static {
    /// Whether it is the error.
    fn is_error(&self) -> bool;
}

impl<T: 'static, E: 'static> MayFail for Result<T, E> {
    fn is_error(&self) -> bool {
        self.is_err()
    }
}

impl MethodTypes {
    /// A method that takes `I` and answers `O`.
    pub const fn of<I: 'static, O: 'static>() -> Self {
        Self { input: Type::of::<I>(), output: Type::of::<O>(), is_error: None }
    }

    /// A method that takes `I` and answers `O`, which may be an error of the application's own.
    pub const fn fallible<I: 'static, O: MayFail>() -> Self {
        Self { is_error: Some(is_error::<O>), ..Self::of::<I, O>() }
    }

    pub(crate) fn takes<I: 'static>(&self) -> bool {
        self.input.id == TypeId::of::<I>()
    }

    pub(crate) fn answers<O: 'static>(&self) -> bool {
        self.output.id == TypeId::of::<O>()
    }

    pub(crate) fn output_name(&self) -> &'static str {
        (self.output.name)()
    }

    pub(crate) const fn may_fail(&self) -> bool {
        self.is_error.is_some()
    }

    pub(crate) fn is_error(&self, output: &dyn Any) -> bool {
        self.is_error.is_some_and(|is_error| is_error(output))
    }
}

fn is_error<O: MayFail>(output: &dyn Any) -> bool {
    output.downcast_ref::<O>().is_some_and(MayFail::is_error)
}

impl fmt::Debug for MethodTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodTypes")
            .field("input", &(self.input.name)())
            .field("output", &(self.output.name)())
            .finish_non_exhaustive()
    }
}
