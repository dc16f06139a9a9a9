//! `#[cfg]`, `#[deprecated]` and docs on methods; supertraits; a module name; many arguments.

#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]

use hardlight::rpc;

/// What every service here can do.
pub trait Named {
    /// The name.
    fn name(&self) -> String;
}

/// A service.
#[rpc(module = "generated")]
pub trait Service: Named + Send {
    #[cfg(any())]
    /// Not there, so its type does not matter.
    async fn absent(&self, value: DoesNotExist) -> DoesNotExist;

    #[cfg(not(any()))]
    #[doc = concat!("Docs ", "of the user's.")]
    async fn present(&self);

    /// Old.
    #[deprecated(note = "use `present`")]
    async fn old(&self);

    /// Runs to its end.
    #[rpc(no_cancel, secret)]
    async fn pay(&self);

    /// Twelve.
    #[allow(clippy::too_many_arguments)]
    async fn many(
        &self,
        a: u8,
        b: u16,
        c: u32,
        d: u64,
        e: i8,
        f: i16,
        g: i32,
        h: i64,
        i: bool,
        j: char,
        k: String,
        l: (u8, String),
    ) -> [u8; 4];
}

fn main() {
    assert_eq!(generated::Method::Present.index(), 0);
    assert_eq!(generated::Method::ALL.len(), 4);
    let kept: Vec<_> = generated::schema().methods.iter().map(|method| method.no_cancel).collect();
    assert_eq!(kept, [false, false, true, false]);
}
