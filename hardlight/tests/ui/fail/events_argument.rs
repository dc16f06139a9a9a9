mod first {
    #[hardlight::rpc(event = CounterEvent)]
    pub trait Counter {
        async fn get(&self) -> u32;
    }
}

mod second {
    #[hardlight::rpc(events)]
    pub trait Counter {
        async fn get(&self) -> u32;
    }
}

mod third {
    #[hardlight::rpc(events = hardlight::NoEvents, events = hardlight::NoEvents)]
    pub trait Counter {
        async fn get(&self) -> u32;
    }
}

fn main() {}
