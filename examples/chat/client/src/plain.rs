//! The front end for scripts: lines in, lines out.

use std::{io, thread};

use chat_front::{Action, Model, Status, Update};
use tokio::{
    select,
    sync::mpsc::{Receiver, Sender, channel},
};

use crate::command::{self, Command, HELP};

/// Shows what happens, and reads commands until the input ends.
pub(crate) async fn run(mut model: Model, mut updates: Receiver<Update>, actions: Sender<Action>) {
    let mut lines = lines_of_input();
    // Dropped when nothing more is wanted; then the session ends, and its updates.
    let mut actions = Some(actions);
    // What waits for the session to take it.
    let mut waiting = None;
    // A line is read once there are threads that it can be about.
    let mut was_online = false;
    loop {
        let mut quits = false;
        select! {
            biased;
            update = updates.recv() => match update {
                Some(update) => {
                    was_online |= update == Update::Status(Status::Online);
                    model.apply(update).iter().for_each(|news| println!("{news}"));
                }
                None => break,
            },
            () = give(actions.as_ref(), &mut waiting), if waiting.is_some() => {}
            line = lines.recv(), if was_online && waiting.is_none() && actions.is_some() => {
                let command = line.map_or(Command::Quit, |line| command::enter(&line, &mut model));
                match command {
                    Command::Do(action) => waiting = Some(action),
                    Command::Done => {}
                    Command::Wrong(why) => println!("refused: {why}"),
                    Command::Help => println!("{HELP}"),
                    Command::Quit => quits = true,
                }
            }
        }
        if quits {
            actions = None;
        }
    }
}

/// Gives the session what waits for it, as soon as it takes it. Cancel safe.
async fn give(actions: Option<&Sender<Action>>, waiting: &mut Option<Action>) {
    let Some(actions) = actions else { return };
    // One that has ended says so by its updates.
    if let Ok(permit) = actions.reserve().await
        && let Some(action) = waiting.take()
    {
        permit.send(action);
    }
    waiting.take();
}

/// The lines of standard input, read by a thread: nothing can stop a read that waits for a key, and the end of a program
/// waits for the runtime's own threads, not for this one.
fn lines_of_input() -> Receiver<String> {
    let (sender, lines) = channel(1);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}
