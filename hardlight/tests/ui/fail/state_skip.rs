use std::{rc::Rc, sync::Arc};

use hardlight::ConnectionState;

#[derive(ConnectionState)]
pub struct Valued {
    #[state(skip = true)]
    secret: Arc<str>,
}

#[derive(ConnectionState)]
pub struct NoDefault {
    #[state(skip)]
    session: Session,
}

pub struct Session(u32);

#[derive(ConnectionState)]
pub struct NotShared {
    #[state(skip)]
    local: Option<Rc<u32>>,
}

fn main() {}
