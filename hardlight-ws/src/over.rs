//! The client over what the application has connected.

use futures_util::future::Either;
use hardlight_driver::{
    DriverOf, Endpoint, FrameError, FrameTransport, ServiceClient, TimeLimit, Transport,
};

use crate::{
    Adapter, Carry, ClientOptions, ConnectError, ConnectPhase, Driver, Response, Scheme, Target,
    client::{open, within},
    greet::greet_over,
};

/// The driver of a client's connection over whole messages, on the runtime `R`.
pub type FramesDriver<R, C, F> = DriverOf<C, FrameTransport<F>, <R as Adapter>::Timer>;

/// Connects over a stream of bytes that is connected already, on the runtime `R`, and drives the connection in a task of its
/// own: see the adapters' functions of this name.
///
/// # Errors
///
/// Why there is no connection; see [`ConnectError`].
pub async fn connect_stream<R: Carry<T>, C: ServiceClient, T>(
    stream: T,
    url: &str,
    options: ClientOptions,
) -> Result<C, ConnectError> {
    let (client, driver) = connect_stream_driver::<R, C, T>(stream, url, options).await?;
    R::detach(R::spawn(async {
        driver.await;
    }));
    Ok(client)
}

/// Like [`connect_stream`], but leaves it to the caller to drive the connection.
///
/// # Errors
///
/// As for [`connect_stream`].
pub async fn connect_stream_driver<R: Carry<T>, C: ServiceClient, T>(
    stream: T,
    url: &str,
    options: ClientOptions,
) -> Result<(C, Driver<R, C>), ConnectError> {
    Box::pin(async {
        let target = Target::parse(url, Scheme::Plain)?;
        let deadline = TimeLimit::new(R::timer(), options.connect_timeout);
        let dialed = open::<R>(R::carry(stream), &target, None, &options, deadline).await?;
        let (client, driver) = dialed.greet::<C>(&options).await?;
        Ok((client, Either::Left(driver)))
    })
    .await
}

/// Connects over whole binary messages, on the runtime `R`, and drives the connection in a task of its own: see the adapters'
/// functions of this name.
///
/// # Errors
///
/// Why there is no connection; see [`ConnectError`].
pub async fn connect_frames<R: Adapter, C: ServiceClient, F>(
    frames: F,
    options: ClientOptions,
) -> Result<C, ConnectError>
where
    F: Send + 'static,
    FrameTransport<F>: Transport<Error = FrameError>,
{
    let (client, driver) = connect_frames_driver::<R, C, F>(frames, options).await?;
    R::detach(R::spawn(async {
        driver.await;
    }));
    Ok(client)
}

/// Like [`connect_frames`], but leaves it to the caller to drive the connection.
///
/// # Errors
///
/// As for [`connect_frames`].
pub async fn connect_frames_driver<R: Adapter, C: ServiceClient, F>(
    frames: F,
    options: ClientOptions,
) -> Result<(C, FramesDriver<R, C, F>), ConnectError>
where
    FrameTransport<F>: Transport<Error = FrameError>,
{
    Box::pin(async {
        let mut deadline = TimeLimit::new(R::timer(), options.connect_timeout);
        let transport = FrameTransport::new(frames);
        let greeting =
            greet_over(transport, R::timer(), &options, Response::default(), Endpoint::unknown());
        within(&mut deadline, ConnectPhase::Hello, greeting).await?
    })
    .await
}

/// Defines `connect_stream` and `connect_frames` of an adapter's runtime.
#[macro_export]
macro_rules! connect_over {
    ($runtime:ident) => {
        /// Connects over a stream of bytes that is connected already, such as a Unix socket, a pipe, or TLS that the application
        /// has. It is any that can be read and written asynchronously, as the runtime's own are, and can be sent to other threads.
        ///
        /// `url` begins with `ws://`: no name is looked up, and nothing is encrypted here. Its host and path go into the HTTP
        /// request, as `options` do; their trust and identity are not used, nor does the client connect again. All of it has
        /// [`connect_timeout`](ClientOptions::connect_timeout).
        ///
        /// # Errors
        ///
        /// Why there is no connection; see [`ConnectError`].
        pub async fn connect_stream<C: ServiceClient, T>(
            stream: T,
            url: &str,
            options: ClientOptions,
        ) -> Result<C, ConnectError>
        where
            $runtime: $crate::Carry<T>,
        {
            $crate::connect_stream::<$runtime, C, T>(stream, url, options).await
        }

        /// Connects over whole binary messages, without WebSocket and HTTP: over a stream of `Result<Bytes, E>`, or what becomes
        /// `Bytes`, that is a sink of `Bytes` too. See [`FrameTransport`] on what it has to be, and what stands for a close.
        ///
        /// Of `options` count the limits, the compression, what is resumed, whether a part of the state will do, and the time for
        /// connecting: who connects is for the transport to say.
        ///
        /// # Errors
        ///
        /// Why there is no connection; see [`ConnectError`].
        pub async fn connect_frames<C: ServiceClient, F>(
            frames: F,
            options: ClientOptions,
        ) -> Result<C, ConnectError>
        where
            F: Send + 'static,
            FrameTransport<F>: Transport<Error = FrameError>,
        {
            $crate::connect_frames::<$runtime, C, F>(frames, options).await
        }
    };
}
