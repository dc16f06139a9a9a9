//! The runtimes, as tests use them.

use hardlight::{ClientOptions, ConnectError, ConnectionError, ServiceClient};
use hardlight_ws::{Adapter, Resolve};

pub(crate) use hardlight::{async_std::AsyncStd, smol::Smol, tokio::Tokio};

/// A runtime with its adapter.
pub(crate) trait Subject: Adapter + Resolve<&'static str> {
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
}

macro_rules! subject {
    ($runtime:ident, $adapter:ident, $future:ident => $block_on:expr) => {
        impl Subject for $runtime {
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

subject!(AsyncStd, async_std, future => async_std::task::block_on(future));
subject!(Smol, smol, future => smol::block_on(future));
subject!(Tokio, tokio, future => {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
});
