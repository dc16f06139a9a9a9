//! `handle_rpc_call`: calls as bytes, with no runtime and no socket.

#![allow(missing_docs)]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use hardlight::{CallError, ConnectionState, Error, codable, rpc};

#[rpc(state = State)]
pub trait Counter {
    async fn increment(&self, amount: u32) -> u32;
    async fn decrement(&self, amount: u32) -> Result<u32, Underflow>;
    async fn get(&self) -> u32;
    async fn rename(&self, name: String, tags: Vec<String>) -> Option<String>;
    async fn reset(&self);
}

#[derive(ConnectionState, Debug)]
pub struct State {
    counter: u32,
    name: String,
}

#[codable]
#[derive(Clone, Debug, PartialEq)]
pub struct Underflow {
    missing: u32,
}

impl Counter for counter::Handler {
    async fn increment(&self, amount: u32) -> u32 {
        let mut state = self.state.lock();
        state.counter += amount;
        state.counter
    }

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        let mut state = self.state.lock();
        let rest = state.counter.checked_sub(amount);
        state.counter = rest.ok_or_else(|| Underflow { missing: amount - state.counter })?;
        Ok(state.counter)
    }

    async fn get(&self) -> u32 {
        self.state.lock().counter
    }

    async fn rename(&self, name: String, tags: Vec<String>) -> Option<String> {
        let name = format!("{name}{}", tags.concat());
        let before = std::mem::replace(&mut self.state.lock().name, name);
        (!before.is_empty()).then_some(before)
    }

    async fn reset(&self) {
        self.state.lock().counter = 0;
    }
}

fn handler() -> counter::Handler {
    counter::Handler::new(counter::Connection::detached())
}

/// The result of a future that does not wait.
fn ready<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a handler without anything to wait for waits"),
    }
}

fn call<I: hardlight::Codable>(method: counter::Method, input: &I) -> Vec<u8> {
    let mut call = vec![u8::try_from(method.index()).unwrap()];
    call.extend_from_slice(&payload(input));
    call
}

fn payload<T: hardlight::Codable>(value: &T) -> Vec<u8> {
    hardlight::proto::payload::encode_to_bytes(value).unwrap().to_vec()
}

/// One good call of every method.
fn calls() -> Vec<(counter::Method, Vec<u8>)> {
    use counter::Method;
    let rename = counter::RenameInput { name: "a".into(), tags: vec!["b".into(), "c".into()] };
    vec![
        (Method::Increment, call(Method::Increment, &counter::IncrementInput { amount: 5 })),
        (Method::Decrement, call(Method::Decrement, &counter::DecrementInput { amount: 2 })),
        (Method::Get, call(Method::Get, &counter::GetInput {})),
        (Method::Rename, call(Method::Rename, &rename)),
        (Method::Reset, call(Method::Reset, &counter::ResetInput {})),
    ]
}

#[test]
fn every_method_is_called_by_its_index_in_trait_order() {
    let handler = handler();
    let answers = calls().into_iter().map(|(_, call)| ready(handler.handle_rpc_call(&call)));
    let answers: Vec<_> = answers.map(Result::unwrap).collect();
    assert_eq!(answers[0], payload(&5_u32));
    assert_eq!(answers[1], payload::<Result<u32, Underflow>>(&Ok(3)));
    assert_eq!(answers[2], payload(&3_u32));
    assert_eq!(answers[3], payload::<Option<String>>(&None));
    assert_eq!(answers[4], payload(&()));
    assert_eq!(handler.state.lock().counter, 0);
    assert_eq!(handler.state.lock().name, "abc");
}

#[test]
fn every_method_of_the_service_is_tried_here() {
    let tried: Vec<_> = calls().into_iter().map(|(method, _)| method).collect();
    assert_eq!(tried, counter::Method::ALL);
}

#[test]
fn an_application_error_travels_in_the_answer() {
    let input = counter::DecrementInput { amount: 2 };
    let answer = ready(handler().handle_rpc_call(&call(counter::Method::Decrement, &input)));
    assert_eq!(answer.unwrap(), payload::<Result<u32, _>>(&Err(Underflow { missing: 2 })));
}

#[test]
fn an_unknown_index_is_an_unknown_method() {
    for index in [&[5][..], &[0x7f], &[0x80, 1], &[0xff, 0xff, 0xff, 0xff, 0x0f]] {
        assert_eq!(ready(handler().handle_rpc_call(index)), Err(CallError::UnknownMethod.into()));
    }
}

#[test]
fn an_index_in_a_longer_form_than_needed_is_refused() {
    let answer = ready(handler().handle_rpc_call(&[0x82, 0]));
    assert_eq!(answer, Err(CallError::InvalidInput.into()));
}

#[test]
fn input_cut_at_any_byte_is_refused_and_calls_nothing() {
    for (method, call) in calls() {
        for end in 0..call.len() {
            let handler = handler();
            let answer = ready(handler.handle_rpc_call(&call[..end]));
            assert_eq!(answer, Err(Error::Call(CallError::InvalidInput)), "{method}: {end} bytes");
            assert_eq!(handler.state.lock().counter, 0);
        }
    }
}

#[test]
fn bytes_behind_the_arguments_of_a_fixed_size_are_refused() {
    for (method, mut call) in calls() {
        call.push(0);
        if method != counter::Method::Rename {
            let answer = ready(handler().handle_rpc_call(&call));
            assert_eq!(answer, Err(CallError::InvalidInput.into()), "{method}");
        }
    }
}

/// A handler of another type, as a crate other than the trait's has to write it.
struct App {
    connection: counter::Connection,
}

impl Counter for App {
    async fn increment(&self, amount: u32) -> u32 {
        self.connection.state.lock().counter += amount;
        amount
    }

    async fn decrement(&self, amount: u32) -> Result<u32, Underflow> {
        Err(Underflow { missing: amount })
    }

    async fn get(&self) -> u32 {
        self.connection.state.lock().counter
    }

    async fn rename(&self, name: String, _tags: Vec<String>) -> Option<String> {
        Some(name)
    }

    async fn reset(&self) {}
}

#[test]
fn a_handler_of_the_applications_own_type_is_called_alike() {
    use counter::Dispatch as _;

    let app = App { connection: counter::Connection::detached() };
    for (_, call) in calls() {
        ready(app.handle_rpc_call(&call)).unwrap();
    }
    assert_eq!(ready(app.get()), 5);
}

/// More methods than one byte of index can name.
mod many {
    macro_rules! service {
        ($($name:ident)*) => {
            #[hardlight::rpc]
            pub(super) trait Many {
                $(async fn $name(&self) -> String { stringify!($name).to_owned() })*
            }
        };
    }

    service! {
        m000 m001 m002 m003 m004 m005 m006 m007 m008 m009 m010 m011 m012 m013 m014 m015 m016 m017 m018 m019
        m020 m021 m022 m023 m024 m025 m026 m027 m028 m029 m030 m031 m032 m033 m034 m035 m036 m037 m038 m039
        m040 m041 m042 m043 m044 m045 m046 m047 m048 m049 m050 m051 m052 m053 m054 m055 m056 m057 m058 m059
        m060 m061 m062 m063 m064 m065 m066 m067 m068 m069 m070 m071 m072 m073 m074 m075 m076 m077 m078 m079
        m080 m081 m082 m083 m084 m085 m086 m087 m088 m089 m090 m091 m092 m093 m094 m095 m096 m097 m098 m099
        m100 m101 m102 m103 m104 m105 m106 m107 m108 m109 m110 m111 m112 m113 m114 m115 m116 m117 m118 m119
        m120 m121 m122 m123 m124 m125 m126 m127 m128 m129
    }

    impl Many for many::Handler {}
}

#[test]
fn the_index_is_a_varint() {
    let handler = many::many::Handler::new(many::many::Connection::detached());
    let mut call = vec![0x80, 0x01];
    call.extend(payload(&many::many::M128Input {}));
    let answer = ready(handler.handle_rpc_call(&call));
    assert_eq!(answer.unwrap(), payload(&"m128".to_owned()));
}
