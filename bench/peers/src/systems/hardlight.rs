//! HardLight, as an application uses it, on each of its runtimes.

use std::{marker::PhantomData, thread};

use futures_channel::oneshot;
use hardlight::{Certificate, ClientOptions, Identity, Limits, Request, ServerOptions, rpc};
use hardlight_ws::{Adapter, Resolve, Scheme, Server, connect, url};

use super::{MAX_ANSWER_BYTES, Target, calls::Calls, runtime::Runtime};

/// The service.
#[rpc]
pub trait Work {
    async fn add(&self, number: u32) -> u32;
    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8>;
    async fn download(&self, length: u32) -> Vec<u8>;
}

impl Work for work::Handler {
    async fn add(&self, number: u32) -> u32 {
        number.wrapping_add(1)
    }

    async fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    /// What takes long is done elsewhere: handlers run in the task of their connection.
    async fn download(&self, length: u32) -> Vec<u8> {
        let (made, bytes) = oneshot::channel();
        thread::spawn(move || made.send(vec![7; length as usize]));
        bytes.await.expect("it is made")
    }
}

/// Both ends on a runtime, over TLS or not.
#[derive(Debug)]
pub struct HardLight<R, const TLS: bool>(PhantomData<R>);

const LISTEN: &str = "127.0.0.1:0";

const fn limits() -> Limits {
    Limits::new()
        .with_max_frame_bytes(MAX_ANSWER_BYTES)
        .with_max_transfer_bytes(MAX_ANSWER_BYTES)
}

impl<R: Runtime + Adapter + Resolve<&'static str>, const TLS: bool> Calls for HardLight<R, TLS> {
    type Runtime = R;
    type Client = work::Client;

    async fn serve(ready: impl FnOnce(Target)) {
        let accept =
            |connection: work::Connection, _: Request| async { Ok(work::Handler::new(connection)) };
        let mut certificate = None;
        let server = if TLS {
            let identity = Identity::development(["localhost"]).expect("a name");
            certificate = Some(identity.certificate().der().to_vec());
            Server::<R>::bind(LISTEN, identity, accept).await
        } else {
            Server::<R>::bind_plain(LISTEN, accept).await
        };
        let server = server.expect("a port");
        ready(Target {
            address: server.local_addr(),
            certificate,
        });
        server
            .with_options(ServerOptions::new().limits(limits()))
            .run()
            .await;
    }

    async fn connect(target: &Target) -> work::Client {
        let (mut scheme, mut options) = (Scheme::Plain, ClientOptions::new().limits(limits()));
        let mut host = "127.0.0.1";
        if let Some(certificate) = &target.certificate {
            let certificate = Certificate::from_der(certificate.clone());
            (scheme, host) = (Scheme::Secure, "localhost");
            options = options.trust(certificate.expect("a certificate"));
        }
        let url = url(scheme, host, target.address.port());
        let client = connect::<R, work::Client>(&url, scheme, options).await;
        client.expect("a server")
    }

    async fn add(client: &work::Client, number: u32) -> u32 {
        client.add(number).await.expect("an answer")
    }

    async fn echo(client: &work::Client, bytes: Vec<u8>) -> Vec<u8> {
        client.echo(bytes).await.expect("an answer")
    }

    async fn download(client: &work::Client, length: u32) -> usize {
        client.download(length).await.expect("an answer").len()
    }
}
