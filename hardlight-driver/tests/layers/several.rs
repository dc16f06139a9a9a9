//! Layers around several services on one connection.

use std::sync::Arc;

use futures_executor::LocalPool;
use hardlight_driver::{
    Acceptor, EventHub, client,
    layer::{Call, Layers, Next},
    proto::Limits,
};
use hardlight_macros::rpc;
use parking_lot::Mutex;

use crate::support::{ManualTimer, joined::note_end, transport};

#[rpc]
trait Left {
    async fn one(&self, number: u32) -> u32;
    async fn two(&self, text: String) -> Result<String, u8>;
}

#[rpc]
trait Right {
    async fn three(&self, number: u32) -> Result<u32, u8>;
}

struct Both;

impl Left for Both {
    async fn one(&self, number: u32) -> u32 {
        number
    }

    async fn two(&self, text: String) -> Result<String, u8> {
        Ok(text)
    }
}

impl Right for Both {
    async fn three(&self, number: u32) -> Result<u32, u8> {
        if number == 0 { Err(7) } else { Ok(number) }
    }
}

#[test]
fn methods_of_every_service_have_their_names_places_and_types() {
    let mut pool = LocalPool::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let layer = move |call: Call, next: Next| {
        let seen = Arc::clone(&seen);
        async move {
            let place = (call.method_index(), call.method());
            let two = call.input::<left::TwoInput>()?.map(|input| input.text);
            let three = call.input::<right::ThreeInput>()?.map(|input| input.number);
            let answer = next.run(call).await?;
            let output = answer.output::<right::ThreeOutput>()?;
            seen.lock().push((place, two, three, output, answer.is_error()));
            Ok(answer)
        }
    };
    type Served = (left::Connection, right::Connection);
    let (client_side, server_side, ..) = transport();
    let acceptor = Acceptor::<Served>::new(Limits::new(), &EventHub::new());
    let acceptor = acceptor.with_layers(Layers::none().with(layer));
    note_end(&pool, acceptor.serve(Both, server_side, ManualTimer::default()));
    let (connecting, driver) = client::<(left::Client, right::Client), _, _>(
        client_side,
        ManualTimer::default(),
        Limits::new(),
    );
    note_end(&pool, driver);
    let (left, right) = pool.run_until(connecting).expect("the server answers");
    let calls = async {
        assert_eq!(left.one(5).await, Ok(5));
        assert_eq!(left.two("a".to_owned()).await, Ok("a".to_owned()));
        assert_eq!(right.three(3).await, Ok(3));
        assert!(right.three(0).await.is_err());
    };
    pool.run_until(calls);
    let expected = [
        ((0, "one"), None, None, None, false),
        ((1, "two"), Some("a".to_owned()), None, None, false),
        ((2, "three"), None, Some(3), Some(Ok(3)), false),
        ((2, "three"), None, Some(0), Some(Err(7)), true),
    ];
    assert_eq!(*log.lock(), expected);
}
