//! What the user can type.

use chat_front::{Action, Model};

pub(crate) const HELP: &str = "\
A line is a message to the thread that is looked at. Lines that begin with / are commands:
  /join THREAD    enter a thread; @ann,bob is for ann and bob alone
  /leave          leave the thread that is looked at
  /thread THREAD  look at another thread
  /older          fetch older messages
  /quit           end";

/// What comes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Something for the server.
    Do(Action),
    /// Nothing more is to be done.
    Done,
    /// The line makes no sense: what to tell the user.
    Wrong(String),
    Help,
    Quit,
}

/// Reads a line and does what concerns the model alone.
pub(crate) fn enter(line: &str, model: &mut Model) -> Command {
    let Some(command) = line.strip_prefix('/') else { return say(line, model) };
    match command.split_once(' ').unwrap_or((command, "")) {
        ("join", thread) if !thread.is_empty() => Command::Do(Action::Join(thread.to_owned())),
        ("thread", thread) if model.look_at(thread) => Command::Done,
        ("thread", thread) => Command::Wrong(format!("you are not in {thread}")),
        ("leave", "") => match model.current() {
            Some((thread, _)) => Command::Do(Action::Leave(thread.to_owned())),
            None => nowhere(),
        },
        ("older", "") => older(model),
        ("quit", "") => Command::Quit,
        ("help", "") => Command::Help,
        _ => Command::Wrong(format!("there is no command {line}; /help lists them")),
    }
}

/// Asks for what was said before the first message that is shown.
pub(crate) fn older(model: &Model) -> Command {
    let Some((thread, known)) = model.current() else { return nowhere() };
    match known.messages.keys().next() {
        Some(before) if !known.is_complete => {
            Command::Do(Action::Older { thread: thread.to_owned(), before: *before })
        }
        _ => Command::Wrong("there is nothing older".to_owned()),
    }
}

fn say(line: &str, model: &Model) -> Command {
    if line.is_empty() {
        return Command::Done;
    }
    match model.current() {
        Some((thread, _)) => {
            Command::Do(Action::Send { thread: thread.to_owned(), text: line.to_owned() })
        }
        None => nowhere(),
    }
}

fn nowhere() -> Command {
    Command::Wrong("you are in no thread: /join lobby".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chat_front::Update;

    use super::*;

    #[test]
    fn a_line_is_a_message_to_the_thread_that_is_looked_at() {
        let mut model = Model::new("ann".to_owned());
        assert_eq!(enter("hi", &mut model), nowhere());
        model.apply(Update::Threads(BTreeSet::from(["a".to_owned(), "b".to_owned()])));
        assert_eq!(enter("/thread a", &mut model), Command::Done);
        let send = Action::Send { thread: "a".to_owned(), text: "hi there".to_owned() };
        assert_eq!(enter("hi there", &mut model), Command::Do(send));
        assert_eq!(enter("", &mut model), Command::Done);
    }

    #[test]
    fn commands_begin_with_a_slash() {
        let mut model = Model::new("ann".to_owned());
        let join = Action::Join("lobby".to_owned());
        assert_eq!(enter("/join lobby", &mut model), Command::Do(join));
        assert_eq!(enter("/leave", &mut model), nowhere());
        assert_eq!(enter("/older", &mut model), nowhere());
        assert_eq!(enter("/quit", &mut model), Command::Quit);
        for line in ["/", "/join", "/joint", "/quit now", "/thread lobby"] {
            assert!(matches!(enter(line, &mut model), Command::Wrong(_)), "{line}");
        }
    }
}
