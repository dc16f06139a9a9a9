//! What a feature, and what needs one, may not be.

use hardlight::{ConnectionState, Events, Feature, rpc};

#[derive(Feature)]
struct Everything;

#[derive(Feature)]
enum Nothing {}

#[derive(Feature)]
enum Odd {
    Level(u8),
    #[features(name = "")]
    Nameless,
    #[features(title = "x")]
    Titled,
    LogIn,
    #[features(name = "log_in")]
    Login,
}

enum Plain {
    Admin,
}

#[rpc]
trait Service {
    #[rpc(feature = Plain::Admin)]
    async fn of_no_feature(&self);
    #[rpc(features = Odd::LogIn)]
    async fn misspelt(&self);
}

#[rpc(feature = Odd::LogIn)]
trait Console {
    #[rpc(feature = Odd::Titled)]
    async fn needs_two(&self);
}

#[derive(ConnectionState)]
struct State {
    #[state(skip, feature = Odd::LogIn)]
    skipped: u32,
}

#[derive(Events)]
enum Event {
    #[events(feature = Odd::LogIn, feature = Odd::LogIn)]
    Twice,
}

fn main() {}
