mod first {
    #[hardlight::rpc(state)]
    pub trait Counter {
        async fn get(&self) -> u32;
    }
}

mod second {
    #[hardlight::rpc(module = counter)]
    pub trait Counter {
        async fn get(&self) -> u32;
    }
}

mod third {
    #[hardlight::rpc(module = "not a name")]
    pub trait Counter {
        async fn get(&self) -> u32;
    }
}

mod fourth {
    #[hardlight::rpc(crate = "hardlight")]
    pub trait Counter {
        async fn get(&self) -> u32;
    }
}

fn main() {}
