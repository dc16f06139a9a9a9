//! A client and a server of different versions, over real sockets.

use hardlight::{
    ClientOptions, ConnectError, ConnectionError, ConnectionState, Server, connect_plain,
    connect_plain_with, rpc,
};

#[derive(ConnectionState)]
struct Account {
    name: String,
    credit: u64,
    /// Later than the client's version.
    level: u8,
}

#[rpc(state = Account)]
trait Shop {
    async fn rename(&self, name: String);
    async fn pay(&self, amount: u64) -> u64;
}

impl Shop for shop::Handler {
    async fn rename(&self, name: String) {
        self.state.lock().name = name;
    }

    async fn pay(&self, amount: u64) -> u64 {
        let mut state = self.state.lock();
        state.credit += amount;
        state.level += 1;
        state.credit
    }
}

/// What an older client has: fewer fields, and a method that is gone.
mod older {
    use super::*;

    #[derive(ConnectionState)]
    pub(super) struct Account {
        pub(super) name: String,
        pub(super) credit: u64,
    }

    #[rpc(state = Account)]
    pub(super) trait Shop {
        async fn rename(&self, name: String);
        async fn pay(&self, amount: u64) -> u64;
        async fn donate(&self, amount: u64);
    }
}

/// What a client has that does not fit.
mod other {
    use super::*;

    #[derive(ConnectionState)]
    pub(super) struct Account {
        pub(super) name: String,
        pub(super) credit: u32,
    }

    #[rpc(state = Account)]
    pub(super) trait Shop {
        async fn rename(&self, name: String);
        async fn pay(&self, amount: u32) -> u64;
    }
}

async fn serve() -> String {
    let server = Server::bind_plain("localhost:0", shop::Handler::accept).await.unwrap();
    let url = server.url("localhost");
    tokio::spawn(server.run());
    url
}

fn shown(mismatches: &[hardlight::SchemaMismatch]) -> Vec<String> {
    mismatches.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn an_older_client_works_on_and_can_ask_what_the_server_lacks() {
    let client: older::shop::Client = connect_plain(&serve().await).await.unwrap();
    assert_eq!(client.pay(2).await, Ok(2));
    client.rename("Ada".into()).await.unwrap();
    assert_eq!((client.state().credit, &*client.state().name), (2, "Ada"));
    let donate = "method `donate` of the type `fn{amount:u64}->unit` is not known to the server";
    assert_eq!(shown(&client.mismatches()), [donate]);
}

#[tokio::test]
async fn a_client_of_the_same_version_has_no_mismatches() {
    let client: shop::Client = connect_plain(&serve().await).await.unwrap();
    assert_eq!(client.pay(2).await, Ok(2));
    assert_eq!(client.mismatches(), []);
}

#[tokio::test]
async fn a_state_field_of_another_type_makes_connecting_fail_with_its_name_and_type() {
    let connected = connect_plain::<other::shop::Client>(&serve().await).await;
    let Err(ConnectError::Connection(ConnectionError::Incompatible(why))) = connected else {
        panic!("{connected:?}");
    };
    assert_eq!(why, "state field `credit` of the type `u32` is of another type on the server");
}

#[tokio::test]
async fn a_client_that_can_do_without_such_a_field_has_its_default_and_its_name() {
    let options = ClientOptions::new().partial_state(true);
    let url = serve().await;
    let client: other::shop::Client = connect_plain_with(&url, options).await.unwrap();
    client.rename("Ada".into()).await.unwrap();
    assert!(client.pay(2).await.is_err());
    assert_eq!((client.state().credit, &*client.state().name), (0, "Ada"));
    let mismatches = shown(&client.mismatches());
    let expected = [
        "state field `credit` of the type `u32` is of another type on the server",
        "method `pay` of the type `fn{amount:u32}->u64` is of another type on the server",
    ];
    assert_eq!(mismatches, expected);
}
