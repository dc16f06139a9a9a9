use hardlight::Events;

#[derive(Events)]
#[events(krate = hardlight)]
pub enum Misspelt {
    One,
}

#[derive(Events)]
#[events(crate = "hardlight")]
pub enum Text {
    One,
}

#[derive(Events)]
#[events(crate = hardlight, crate = hardlight)]
pub enum Twice {
    One,
}

#[derive(Events)]
#[events(secret)]
pub enum AllSecret {
    One,
}

#[derive(Events)]
pub enum Inside {
    #[events(name = "one")]
    One {
        #[events(secret)]
        field: u32,
    },
    #[events(secret, secret)]
    Two,
    #[events(secret = true)]
    Three,
}

fn main() {}
