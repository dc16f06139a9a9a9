//! The process that has the servers, and does what tests say.

use std::sync::{Arc, Mutex};

use hardlight::{BindError, OriginPolicy, Request, Server, ServerOptions};
use tokio::sync::Semaphore;

use crate::{
    control::{Director, Opened, Plan, director},
    stage::Stage,
};

/// A server of the director, on a free port of this machine, for pages of any origin; and its URL.
///
/// # Errors
///
/// If no port is free.
pub async fn serve() -> Result<(Server, String), BindError> {
    let server = Server::bind_plain("127.0.0.1:0", |_: director::Connection, _: Request| async {
        Ok::<_, hardlight::Refusal>(Theatre::default())
    })
    .await?;
    let url = server.url("127.0.0.1");
    Ok((server.with_options(ServerOptions::new().origins(OriginPolicy::any())), url))
}

/// The servers of one test.
#[derive(Default)]
struct Theatre {
    stages: Mutex<Vec<Arc<Stage>>>,
}

impl Theatre {
    fn stage(&self, stage: u32) -> Arc<Stage> {
        Arc::clone(&self.stages.lock().expect("nobody panics with it")[stage as usize])
    }
}

async fn take(permits: &Semaphore, number: u32) {
    permits.acquire_many(number).await.expect("it is never closed").forget();
}

impl Director for Theatre {
    async fn open(&self, plan: Plan) -> Opened {
        let stage = Arc::new(Stage::open(plan).await);
        let url = stage.url.clone();
        let mut stages = self.stages.lock().expect("nobody panics with it");
        stages.push(stage);
        Opened { stage: u32::try_from(stages.len() - 1).expect("there are few"), url }
    }

    async fn begun(&self, stage: u32, calls: u32) {
        take(&self.stage(stage).gate.begun, calls).await;
    }

    async fn has_begun(&self, stage: u32) -> bool {
        self.stage(stage).gate.begun.try_acquire().is_ok()
    }

    async fn let_answer(&self, stage: u32, calls: u32) {
        self.stage(stage).gate.open.add_permits(calls as usize);
    }

    async fn dropped(&self, stage: u32, calls: u32) {
        take(&self.stage(stage).gate.dropped, calls).await;
    }

    async fn ended(&self, stage: u32, connections: u32) {
        take(&self.stage(stage).gate.ended, connections).await;
    }

    async fn cut(&self, stage: u32) {
        self.stage(stage).cut();
    }

    async fn emit(&self, stage: u32, topic: String, text: String) {
        self.stage(stage).emit(topic, text);
    }

    async fn tokens(&self, stage: u32) -> Vec<String> {
        self.stage(stage).gate.tokens.lock().expect("nobody panics with it").clone()
    }

    async fn stop(&self, stage: u32) {
        self.stage(stage).stop().await;
    }
}
