//! Types of the user's with the names that generated code uses, and names of the prelude.

#![deny(warnings)]
#![allow(dead_code)]

use hardlight::{codable, rpc};

macro_rules! types {
    ($($name:ident)*) => {$(
        #[codable]
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name(pub u32);
    )*};
}

types!(Method Client Handler Result Option Connection State Error Bytes Vec Box Arc Some Ok Err None);
types!(Dispatch StateGuard StateCell Service ServiceClient ServerConnection ClientConnection Infallible);
types!(Deadline CallContext Duration TypeMap);
types!(Send Sync Clone Debug Default PartialEq Future Into From TryFrom Deref S H I O E);

mod core {}
mod std {}
mod alloc {}

#[derive(hardlight::ConnectionState)]
pub struct MyState {
    option: Option,
    vec: Vec,
    value: Result,
    shadow: Err,
    out: None,
    field: Some,
    operations: Ok,
    operation: u32,
    value_0: u32,
}

#[rpc(state = MyState)]
pub trait Names {
    async fn method(&self, method: Method, handler: Handler, input: Bytes) -> Client;
    async fn client(&self, connection: Connection, state: State) -> Result;
    async fn handler(&self, call: Option, schema: Vec) -> ::core::result::Result<Error, Box>;
    async fn dispatch(&self, index: Dispatch, root: Arc) -> ::core::option::Option<StateGuard>;
    async fn state(&self) -> Service;
    async fn close(&self, s: S, h: H, i: I, o: O, e: E) -> Send;
    async fn new(&self, f: Sync) -> Clone;
    async fn clone(&self) -> Debug;
    async fn call(&self) -> u8;
    async fn handle_rpc_call(&self) -> u8;
    async fn accept(&self, request: Future) -> u8;
    async fn app(&self) -> u8;
    async fn input(&self) -> u8;
    async fn output(&self) -> u8;
    async fn connection(&self) -> u8;
    async fn schema(&self) -> u8;
    async fn all(&self) -> u8;
    async fn with_timeout(&self, timeout: u8) -> u8;
    async fn with_deadline(&self, deadline: Deadline) -> u8;
    async fn with_context(&self, context: CallContext) -> u8;
    async fn extensions(&self) -> TypeMap;
    async fn r#type(&self, r#match: u32) -> u8;
}

fn main() {
    assert_eq!(names::Method::Type.name(), "type");
}
