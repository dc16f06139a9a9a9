//! A server of the suite's service, as a test has it.

use hardlight::ClientOptions;
use hardlight_browser_tests::{
    control::{Plan, director},
    service::suite::Client,
};

use super::platform;

/// A server of this test's own, which ends with it.
pub(crate) struct Stage {
    director: director::Client,
    stage: u32,
    pub(crate) url: String,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::of(Plan::default()).await
    }

    pub(crate) async fn of(plan: Plan) -> Self {
        let options = platform::options();
        let director: director::Client =
            platform::connect(&platform::director().await, options).await.unwrap();
        let opened = director.open(plan).await.unwrap();
        Self { director, stage: opened.stage, url: opened.url }
    }

    pub(crate) async fn connect(&self) -> Client {
        self.connect_with(platform::options()).await
    }

    pub(crate) async fn connect_with(&self, options: ClientOptions) -> Client {
        platform::connect(&self.url, options).await.unwrap()
    }

    pub(crate) async fn begun(&self, calls: u32) {
        self.director.begun(self.stage, calls).await.unwrap();
    }

    pub(crate) async fn has_begun(&self) -> bool {
        self.director.has_begun(self.stage).await.unwrap()
    }

    pub(crate) async fn let_answer(&self, calls: u32) {
        self.director.let_answer(self.stage, calls).await.unwrap();
    }

    pub(crate) async fn dropped(&self, calls: u32) {
        self.director.dropped(self.stage, calls).await.unwrap();
    }

    pub(crate) async fn ended(&self, connections: u32) {
        self.director.ended(self.stage, connections).await.unwrap();
    }

    pub(crate) async fn cut(&self) {
        self.director.cut(self.stage).await.unwrap();
    }

    pub(crate) async fn emit(&self, topic: &str, text: &str) {
        self.director.emit(self.stage, topic.to_owned(), text.to_owned()).await.unwrap();
    }

    pub(crate) async fn tokens(&self) -> Vec<String> {
        self.director.tokens(self.stage).await.unwrap()
    }

    pub(crate) async fn stop(&self) {
        self.director.stop(self.stage).await.unwrap();
    }
}
