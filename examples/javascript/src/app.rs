//! The server's side: the tasks, and a connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::sync::broadcast;

use crate::{Board, BoardError, BoardEvent, Priority, Task, board};

/// The topic that tells of all tasks.
const TOPIC: &str = "tasks";

/// The most characters of a title.
const MAX_TITLE: usize = 80;

/// How many tasks a connection's state shows.
const RECENT: usize = 3;

/// The tasks, which all connections share. Clones are the same.
#[derive(Clone, Debug)]
pub struct Tasks {
    list: Arc<Mutex<List>>,
    finished: broadcast::Sender<u64>,
}

#[derive(Debug, Default)]
struct List {
    last_id: u64,
    open: BTreeMap<u64, Task>,
}

impl Tasks {
    /// None.
    pub fn new() -> Self {
        Self { list: Arc::default(), finished: broadcast::Sender::new(16) }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().expect("nobody panics with it")
    }

    fn add(&self, task: Task) -> Task {
        let mut list = self.list();
        list.last_id += 1;
        let task = Task { id: list.last_id, ..task };
        list.open.insert(task.id, task.clone());
        task
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

/// The handler of a connection.
#[derive(Debug)]
pub struct App {
    connection: board::Connection,
    tasks: Tasks,
}

impl App {
    /// The handler of a new connection, whose client has yet to say who it is.
    pub const fn new(tasks: Tasks, connection: board::Connection) -> Self {
        Self { connection, tasks }
    }

    fn user(&self) -> Result<String, BoardError> {
        self.connection.state.read().user_name.clone().ok_or(BoardError::NotJoined)
    }
}

impl Board for App {
    async fn join(&self, name: String) -> Result<u32, BoardError> {
        self.connection.state.lock().user_name = Some(name);
        self.connection.subscriptions.add(TOPIC).expect("the name is short");
        Ok(u32::try_from(self.tasks.list().open.len()).unwrap_or(u32::MAX))
    }

    async fn add_task(
        &self,
        title: String,
        priority: Priority,
        labels: BTreeSet<String>,
        due_in: Option<Duration>,
    ) -> Result<Task, BoardError> {
        let added_by = self.user()?;
        if title.is_empty() || title.chars().count() > MAX_TITLE {
            return Err(BoardError::BadTitle { most: MAX_TITLE as u32 });
        }
        let task = self.tasks.add(Task { id: 0, title, priority, labels, due_in, added_by });
        let mut state = self.connection.state.lock();
        state.added += 1;
        state.recent_tasks.insert(0, task.clone());
        state.recent_tasks.truncate(RECENT);
        drop(state);
        self.connection.events.emit(TOPIC, BoardEvent::Added(task.clone()));
        Ok(task)
    }

    async fn finish(&self, id: u64) -> Result<(), BoardError> {
        let finished_by = self.user()?;
        self.tasks.list().open.remove(&id).ok_or(BoardError::NoSuchTask(id))?;
        // Nobody may wait.
        let _ = self.tasks.finished.send(id);
        self.connection.events.emit(TOPIC, BoardEvent::Finished { id, finished_by });
        Ok(())
    }

    async fn open_tasks(&self) -> Vec<Task> {
        self.tasks.list().open.values().cloned().collect()
    }

    async fn next_finished(&self) -> u64 {
        let mut finished = self.tasks.finished.subscribe();
        loop {
            // One who is slow misses some, and waits for the next.
            if let Ok(id) = finished.recv().await {
                return id;
            }
        }
    }

    async fn picture(&self, width: u16, height: u16) -> Vec<u8> {
        let open = self.tasks.list().open.len();
        let pixels = usize::from(width) * usize::from(height);
        (0..pixels).map(|pixel| if pixel < open { 0xff } else { 0 }).collect()
    }
}
