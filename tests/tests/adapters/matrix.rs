//! The clients of each runtime with the servers of each: nothing depends on what is on the other side.

use futures_util::future::join;
use hardlight::ServerOptions;

use crate::{
    runtimes::{AsyncStd, Smol, Subject, Tokio},
    service::Running,
    suite::use_all,
};

async fn understand_each_other<Client: Subject, Server: Subject>() {
    let server = Running::secure::<Server>(ServerOptions::new());
    let client = server.connect::<Client>().await;
    use_all(&server, &client).await;
    let bytes = vec![7; 1_000_000];
    let (echoed, added) = join(client.echo(bytes.clone()), client.add(1)).await;
    assert!(echoed == Ok(bytes), "another payload came back");
    assert_eq!(added, Ok(6));
    server.stop().await;
    client.closed().await;
}

macro_rules! matrix {
    ($($test:ident $client:ident $server:ident)*) => { $(
        #[test]
        fn $test() {
            $client::block_on(understand_each_other::<$client, $server>());
        }
    )* };
}

matrix! {
    async_std_with_async_std AsyncStd AsyncStd
    async_std_with_smol AsyncStd Smol
    async_std_with_tokio AsyncStd Tokio
    smol_with_async_std Smol AsyncStd
    smol_with_smol Smol Smol
    smol_with_tokio Smol Tokio
    tokio_with_async_std Tokio AsyncStd
    tokio_with_smol Tokio Smol
    tokio_with_tokio Tokio Tokio
}
