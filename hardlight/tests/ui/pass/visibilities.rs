//! Every visibility a trait can have, seen from where it reaches.

#![deny(warnings)]

macro_rules! service {
    ($vis:vis $name:ident) => {
        #[hardlight::rpc(state = State)]
        $vis trait $name {
            async fn get(&self) -> Answer;
        }
    };
}

mod outer {
    pub mod middle {
        use hardlight::{ConnectionState, codable};

        #[derive(ConnectionState)]
        pub struct State {
            pub value: u32,
        }

        #[codable]
        pub struct Answer;

        service!(pub Public);
        service!(pub(crate) Everywhere);
        service!(pub(super) Parent);
        service!(pub(self) Own);
        service!(pub(in crate::outer) Within);
        service!(pub(in super::super) Relative);
        service!(Private);

        pub fn private() {
            let _ = (own::Connection::detached(), private::Connection::detached());
            let _ = (own::GetInput {}, private::GetInput {});
            let _ = (own::Method::Get, private::Method::Get);
        }
    }

    pub fn within() {
        let _ = (middle::parent::Connection::detached(), middle::within::Connection::detached());
        let _ = (middle::parent::GetInput {}, middle::within::GetInput {});
    }
}

fn main() {
    use outer::middle;

    middle::private();
    outer::within();
    let _ = (middle::public::Connection::detached(), middle::public::GetInput {});
    let _ = (middle::relative::Connection::detached(), middle::relative::GetInput {});
    let connection = middle::everywhere::Connection::detached();
    assert_eq!(connection.state.lock().value, 0);
}
