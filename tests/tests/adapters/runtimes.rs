//! The runtimes, as tests use them.

use std::net::{TcpListener, TcpStream};

use hardlight::{ClientOptions, ConnectError, ConnectionError, ServiceClient};
use hardlight_ws::{Adapter, Carry, Resolve};

pub(crate) use hardlight::{async_std::AsyncStd, smol::Smol, tokio::Tokio};

/// A runtime with its adapter.
pub(crate) trait Subject: Adapter + Resolve<&'static str> + Carry<Self::Pipe> {
    /// One end of a pair of sockets.
    type Pipe: Send + 'static;

    fn block_on<F: Future>(future: F) -> F::Output;

    async fn connect_with<C: ServiceClient>(
        url: &str,
        options: ClientOptions,
    ) -> Result<C, ConnectError>;

    async fn connect_plain<C: ServiceClient>(url: &str) -> Result<C, ConnectError>;

    async fn connect_plain_with<C: ServiceClient>(
        url: &str,
        options: ClientOptions,
    ) -> Result<C, ConnectError>;

    async fn connect_driver<C: ServiceClient>(
        url: &str,
        options: ClientOptions,
    ) -> Result<(C, impl Future<Output = ConnectionError>), ConnectError>;

    fn pipe(end: TcpStream) -> Self::Pipe;

    async fn connect_stream<C: ServiceClient>(
        stream: Self::Pipe,
        url: &str,
    ) -> Result<C, ConnectError>;
}

/// A pair of sockets that the test has connected itself.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let end = TcpStream::connect(listener.local_addr().expect("it is bound"));
    (end.expect("it listens"), listener.accept().expect("it was connected to").0)
}

macro_rules! subject {
    ($runtime:ident, $adapter:ident, $pipe:ty, $end:ident => $make_pipe:expr, $future:ident => $block_on:expr) => {
        impl Subject for $runtime {
            type Pipe = $pipe;

            fn pipe($end: TcpStream) -> $pipe {
                $make_pipe
            }

            async fn connect_stream<C: ServiceClient>(
                stream: $pipe,
                url: &str,
            ) -> Result<C, ConnectError> {
                hardlight::$adapter::connect_stream(stream, url, ClientOptions::new()).await
            }

            fn block_on<F: Future>($future: F) -> F::Output {
                $block_on
            }

            async fn connect_with<C: ServiceClient>(
                url: &str,
                options: ClientOptions,
            ) -> Result<C, ConnectError> {
                hardlight::$adapter::connect_with(url, options).await
            }

            async fn connect_plain<C: ServiceClient>(url: &str) -> Result<C, ConnectError> {
                hardlight::$adapter::connect_plain(url).await
            }

            async fn connect_plain_with<C: ServiceClient>(
                url: &str,
                options: ClientOptions,
            ) -> Result<C, ConnectError> {
                hardlight::$adapter::connect_plain_with(url, options).await
            }

            async fn connect_driver<C: ServiceClient>(
                url: &str,
                options: ClientOptions,
            ) -> Result<(C, impl Future<Output = ConnectionError>), ConnectError> {
                hardlight::$adapter::connect_driver(url, options).await
            }
        }
    };
}

subject!(AsyncStd, async_std, async_std::net::TcpStream, end => end.into(),
    future => async_std::task::block_on(future));
subject!(Smol, smol, smol::Async<TcpStream>, end => smol::Async::new(end).expect("a socket"),
    future => smol::block_on(future));
subject!(Tokio, tokio, tokio::net::TcpStream, end => {
    end.set_nonblocking(true).expect("a socket");
    tokio::net::TcpStream::from_std(end).expect("a socket")
}, future => {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
});
