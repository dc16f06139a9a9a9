//! The screen, drawn into memory.

use std::collections::BTreeSet;

use chat_front::{Gap, Status};
use chat_shared::Message;
use ratatui::{Terminal, backend::TestBackend, crossterm::event::KeyCode};
use tokio::sync::mpsc::error::TryRecvError;

use super::*;

/// A screen of ann's, who is in these threads, and what it wants of the server.
fn screen(threads: &[&str]) -> (Screen, Receiver<Action>) {
    let (actions, wanted) = channel(16);
    let mut model = Model::new("ann".to_owned());
    let names = threads.iter().map(|name| (*name).to_owned());
    model.apply(Update::Threads(BTreeSet::from_iter(names)));
    model.apply(Update::Status(Status::Online));
    (Screen::new(model, TimeZone::UTC, actions), wanted)
}

fn message(id: i64, author: &str, text: &str) -> Message {
    let sent_ms = id * 60_000;
    Message { id, sent_ms, author: author.to_owned(), text: text.to_owned() }
}

fn say(screen: &mut Screen, thread: &str, message: Message) {
    screen.model.apply(Update::Said { thread: thread.to_owned(), message });
}

/// What a terminal of that size shows, line by line.
fn drawn(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let cells = terminal.backend().buffer().content();
    let line = |cells: &[ratatui::buffer::Cell]| cells.iter().map(|cell| cell.symbol()).collect();
    cells.chunks(width.into()).map(line).collect()
}

fn press(screen: &mut Screen, key: KeyCode) {
    assert!(!screen.press(key.into()));
}

fn enter(screen: &mut Screen, line: &str) {
    line.chars().for_each(|char| press(screen, KeyCode::Char(char)));
    press(screen, KeyCode::Enter);
}

#[test]
fn threads_messages_and_who_is_there_stand_side_by_side() {
    let (mut screen, _wanted) = screen(&["lobby", "plans"]);
    screen.model.look_at("lobby");
    let page = vec![message(1, "bob", "hello"), message(62, "ann", "hello yourself")];
    screen.model.apply(Update::Older { thread: "lobby".to_owned(), messages: page });
    say(&mut screen, "plans", message(63, "bob", "psst"));
    let users = vec!["ann".to_owned(), "bob".to_owned()];
    screen.model.apply(Update::Present { thread: "lobby".to_owned(), users });
    "draft".chars().for_each(|char| press(&mut screen, KeyCode::Char(char)));
    let expected = [
        " ann ● online                                                           ",
        "┌ threads ─────────┐┌ lobby ───────────────────────┐┌ here: 2 ─────────┐",
        "│› lobby           ││    the thread begins here    ││ann               │",
        "│  plans          1││00:01 bob: hello              ││bob               │",
        "│                  ││01:02 ann: hello yourself     ││                  │",
        "└──────────────────┘└──────────────────────────────┘└──────────────────┘",
        "┌──────────────────────────────────────────────────────────────────────┐",
        "│draft                                                                 │",
        "└──────────────────────────────────────────────────────────────────────┘",
        " Tab next thread · PgUp older · /help · Ctrl-C quit                     ",
    ];
    assert_eq!(drawn(&mut screen, 72, 10), expected);
}

#[test]
fn a_narrow_terminal_leaves_out_who_is_there_and_wraps() {
    let (mut screen, _wanted) = screen(&["lobby"]);
    say(&mut screen, "lobby", message(1, "bob", "a text that is too long"));
    let lines = drawn(&mut screen, 44, 9);
    assert_eq!(lines[2], "│› lobby           ││00:01 bob: a text that│");
    assert_eq!(lines[3], "│                  ││      is too long     │");
}

#[test]
fn no_terminal_is_too_small() {
    let (mut screen, _wanted) = screen(&["lobby"]);
    say(&mut screen, "lobby", message(1, "bob", "wide 漢字 and e\u{301}"));
    for (width, height) in [(1, 1), (2, 3), (21, 6), (22, 40), (300, 2)] {
        drawn(&mut screen, width, height);
    }
    screen.show_help = true;
    drawn(&mut screen, 3, 3);
}

#[test]
fn a_terminal_is_not_sent_what_controls_it() {
    let (mut screen, _wanted) = screen(&["lobby"]);
    say(&mut screen, "lobby", message(1, "bob", "\x1b[2Jgone"));
    assert!(!drawn(&mut screen, 72, 10).concat().contains('\x1b'));
}

#[test]
fn what_became_of_the_connection_is_at_the_top_and_a_gap_at_the_bottom() {
    let (mut screen, _wanted) = screen(&["lobby"]);
    let status = Status::Offline { why: "the server is stopping".to_owned() };
    screen.model.apply(Update::Status(status));
    let lines = drawn(&mut screen, 72, 10);
    assert!(lines[0].starts_with(" ann ● offline: the server is stopping"), "{}", lines[0]);
    let (thread, messages) = ("lobby".to_owned(), vec![message(1, "bob", "hi")]);
    let gap = Update::Filled { thread, why: Gap::Restarted, messages, is_all: true };
    screen.model.apply(gap);
    let lines = drawn(&mut screen, 72, 10);
    let expected = " lobby: the server was started anew; 1 from the store";
    assert!(lines[9].starts_with(expected), "{}", lines[9]);
}

#[test]
fn scrolling_back_beyond_the_first_message_fetches_older_ones() {
    let (mut screen, mut wanted) = screen(&["lobby"]);
    for id in 101..=112 {
        say(&mut screen, "lobby", message(id, "bob", &format!("number {id}")));
    }
    assert!(drawn(&mut screen, 72, 10)[4].contains("number 112"));
    press(&mut screen, KeyCode::PageUp);
    let lines = drawn(&mut screen, 72, 10);
    assert!(lines[2].contains("number 101"), "{}", lines[2]);
    assert!(lines[5].contains(" 9 lines below "), "{}", lines[5]);
    assert_eq!(wanted.try_recv(), Err(TryRecvError::Empty));

    press(&mut screen, KeyCode::PageUp);
    let older = Action::Older { thread: "lobby".to_owned(), before: 101 };
    assert_eq!(wanted.try_recv(), Ok(older));
    drawn(&mut screen, 72, 10);
    let messages = (51..=100).map(|id| message(id, "bob", &format!("number {id}"))).collect();
    screen.model.apply(Update::Older { thread: "lobby".to_owned(), messages });
    // What was looked at stays where it was.
    let lines = drawn(&mut screen, 72, 10);
    assert!(lines[2].contains("number 101"), "{}", lines[2]);
    press(&mut screen, KeyCode::PageDown);
    assert!(drawn(&mut screen, 72, 10)[4].contains("number 112"));
}

#[test]
fn a_line_goes_to_the_thread_that_is_looked_at() {
    let (mut screen, mut wanted) = screen(&["lobby", "plans"]);
    press(&mut screen, KeyCode::Tab);
    enter(&mut screen, "hi");
    let send = Action::Send { thread: "lobby".to_owned(), text: "hi".to_owned() };
    assert_eq!(wanted.try_recv(), Ok(send));
    enter(&mut screen, "/leave");
    assert_eq!(wanted.try_recv(), Ok(Action::Leave("lobby".to_owned())));
    enter(&mut screen, "/what");
    assert_eq!(wanted.try_recv(), Err(TryRecvError::Empty));
    let lines = drawn(&mut screen, 72, 10);
    assert!(lines[9].contains("there is no command /what"), "{}", lines[9]);
    enter(&mut screen, "/help");
    assert!(drawn(&mut screen, 100, 20).concat().contains("/join THREAD"));
}
