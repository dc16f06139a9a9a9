pub struct Argument;
pub struct Answer;
pub struct Failure;

#[hardlight::rpc]
pub trait Counter {
    async fn argument(&self, value: Argument);
    async fn answer(&self) -> Answer;
    async fn failure(&self) -> Result<u32, Failure>;
}

fn main() {}
