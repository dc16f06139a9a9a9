use hardlight::ConnectionState;

#[derive(ConnectionState)]
pub enum Choice {
    One,
}

#[derive(ConnectionState)]
pub struct Tuple(u32, String);

#[derive(ConnectionState)]
pub struct Unit;

#[derive(ConnectionState)]
pub union Either {
    number: u32,
}

#[derive(ConnectionState)]
pub struct Borrowed<'a> {
    name: &'a str,
}

fn uses_the_stub() -> Choice {
    Choice::initial()
}

fn main() {}
