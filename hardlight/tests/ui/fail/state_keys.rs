use hardlight::ConnectionState;

#[derive(ConnectionState)]
#[state(name = "state")]
pub struct State {
    #[state(defualt = 1)]
    misspelt: u32,
    #[state(default)]
    empty: u32,
    #[state(default = 1, default = 2)]
    twice: u32,
}

fn main() {}
