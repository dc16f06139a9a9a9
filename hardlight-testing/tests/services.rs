//! Services that call services, as the facade's guide has them: a server that is replaced by another one while calls are made.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::{join, join_all};
use hardlight_testing::{
    ClientAuth, ClientOptions, DevelopmentAuthority, Reconnect, Refusal, Request, Server,
    ServerHandle, ServerOptions, World, connect_with, rpc, sleep, spawn,
};

const CALLS: u32 = 200;

#[rpc]
trait Prices {
    async fn price(&self, article: u32) -> u64;
}

struct App {
    served: Arc<AtomicU32>,
}

impl Prices for App {
    async fn price(&self, article: u32) -> u64 {
        sleep(Duration::from_millis(20)).await;
        self.served.fetch_add(1, Ordering::Relaxed);
        u64::from(article) * 100
    }
}

/// A server that knows its callers by their certificates, and how many calls it has served.
async fn serve(authority: &DevelopmentAuthority) -> (ServerHandle, Arc<AtomicU32>) {
    let served = Arc::<AtomicU32>::default();
    let made = Arc::clone(&served);
    let factory = move |_: prices::Connection, request: Request| {
        let is_known = request.tls().is_some_and(|tls| tls.client_certificate().is_some());
        let app = App { served: Arc::clone(&made) };
        async move { is_known.then_some(app).ok_or_else(Refusal::forbidden) }
    };
    let identity = authority.issue(["prices"]).unwrap();
    let server = Server::bind("prices:443", identity, factory).await.unwrap();
    let options = ServerOptions::new().client_auth(ClientAuth::Required(authority.trust()));
    let server = server.with_options(options);
    let handle = server.handle();
    spawn(server.run()).detach();
    (handle, served)
}

#[test]
fn no_call_fails_while_one_server_takes_the_place_of_another() {
    World::new().run(async {
        let authority = DevelopmentAuthority::new().unwrap();
        let (old, served_by_old) = serve(&authority).await;
        let options = ClientOptions::new()
            .identity(authority.issue(["shop"]).unwrap())
            .trust(authority.trust())
            .reconnect(Reconnect::new());
        let client: prices::Client = connect_with("wss://prices", options).await.unwrap();

        let client = &client;
        let calls = (0..CALLS).map(async |article| {
            sleep(Duration::from_millis(5) * article).await;
            client.price(article).await
        });
        let update = async {
            sleep(Duration::from_millis(500)).await;
            old.stop().await;
            serve(&authority).await
        };
        let (prices, (new, served_by_new)) = join(join_all(calls), update).await;

        for (article, price) in (0..).zip(prices) {
            assert_eq!(price, Ok(article * 100));
        }
        let served = [served_by_old, served_by_new].map(|served| served.load(Ordering::Relaxed));
        assert!(served.iter().all(|&served| served > 50), "{served:?}");
        assert_eq!(served.iter().sum::<u32>(), CALLS, "none ran twice");
        client.close().await;
        new.stop().await;
    });
}
