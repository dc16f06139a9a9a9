//! Events of every visibility; a public service with private events; events in a function.

#![deny(warnings)]

mod outer {
    pub mod middle {
        use hardlight::Events;

        #[derive(Events)]
        pub enum Public {
            One(u32),
        }

        #[derive(Events)]
        pub(crate) enum Everywhere {
            One(Public2),
        }

        #[hardlight::codable]
        pub(crate) struct Public2;

        #[derive(Events)]
        pub(super) enum Parent {
            One,
        }

        #[derive(Events)]
        pub(in crate::outer) enum Within {
            One,
        }

        #[derive(Events)]
        enum Private {
            One,
            Two(Hidden),
        }

        #[hardlight::codable]
        struct Hidden;

        #[hardlight::rpc(events = Private)]
        pub trait Service {
            async fn get(&self);
        }

        impl Service for service::Handler {
            async fn get(&self) {
                self.events.emit("topic", Private::One);
                self.events.emit("topic", Private::Two(Hidden));
            }
        }

        pub fn listen() {
            let _ = |client: &service::Client| client.on_two(|_, Hidden| {});
        }
    }

    pub fn within() {
        let _ = (middle::Parent::One, middle::Within::One);
    }
}

/// A deprecated event warns where it is used.
#[derive(hardlight::Events)]
pub enum Old {
    #[deprecated = "use `New`"]
    Old,
    New,
}

fn main() {
    #[derive(hardlight::Events)]
    enum Local {
        One(u32),
    }

    outer::within();
    let _ = (outer::middle::Public::One(1), outer::middle::Everywhere::One(outer::middle::Public2));
    outer::middle::listen();
    let _ = Local::One(1);
}
