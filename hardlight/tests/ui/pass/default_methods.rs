//! Methods with bodies.

#![deny(warnings)]

use hardlight::{codable, rpc};

#[codable]
pub struct Failed;

#[rpc]
pub trait Service {
    async fn one(&self) -> u32;

    /// Uses another method, `?` and an early return.
    async fn twice(&self, limit: u32) -> Result<u32, Failed> {
        let sum = self.one().await.checked_add(self.one().await).ok_or(Failed)?;
        if sum > limit {
            return Err(Failed);
        }
        Ok(sum)
    }

    async fn nothing(&self) {}
}

impl Service for service::Handler {
    async fn one(&self) -> u32 {
        1
    }
}

fn main() {
    let handler = service::Handler::new(service::Connection::detached());
    drop(handler.twice(1));
    drop(handler.nothing());
}
