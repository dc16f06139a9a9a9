use hardlight::ConnectionState;

#[derive(ConnectionState)]
pub struct OnField {
    #[state(reserved)]
    old: (),
}

#[derive(ConnectionState)]
#[state(reserved)]
pub struct Bare {
    number: u32,
}

#[derive(ConnectionState)]
#[state(reserved = 1)]
pub struct Equals {
    number: u32,
}

#[derive(ConnectionState)]
#[state(reserved(1, 2, 1))]
pub struct Twice {
    number: u32,
}

#[derive(ConnectionState)]
#[state(reserved(4080))]
pub struct High {
    number: u32,
}

#[derive(ConnectionState)]
#[state(reserved("old"))]
pub struct Named {
    number: u32,
}

fn main() {}
