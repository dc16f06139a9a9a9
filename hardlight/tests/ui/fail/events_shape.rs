use hardlight::Events;

#[derive(Events)]
pub struct NotAnEnum {
    pub value: u32,
}

#[derive(Events)]
pub union NotEither {
    pub value: u32,
}

#[derive(Events)]
pub enum Empty {}

#[derive(Events)]
pub enum Borrowed<'a> {
    One(&'a str),
}

#[derive(Events)]
pub enum Generic<T, const N: usize>
where
    T: Clone,
{
    One([T; N]),
}

#[derive(Events)]
pub enum Colliding {
    HttpGet,
    HTTPGet,
    Http_get(u32),
}

#[derive(Events)]
pub enum TooManyFields {
    One(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u16),
}

#[derive(Events)]
pub enum Shadowing {
    Changed,
    Lagged(u64),
    Restarted,
}

#[hardlight::rpc(events = Colliding)]
pub trait Counter {
    async fn get(&self) -> u32;
}

fn uses_what_is_good(client: &counter::Client) {
    client.on_http_get(|_| {});
}

fn main() {}
