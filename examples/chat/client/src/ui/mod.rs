//! The front end for people: the whole terminal.

mod draw;
#[cfg(test)]
mod tests;

use std::{io, thread};

use chat_front::{Action, Model, Update};
use jiff::tz::TimeZone;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};
use tokio::{
    select,
    sync::mpsc::{Receiver, Sender, channel},
};
use tui_input::{Input, backend::crossterm::EventHandler as _};

use crate::command::{self, Command};

/// What is on the screen.
struct Screen {
    model: Model,
    input: Input,
    /// How many lines the messages are scrolled back.
    scroll: usize,
    /// How many they can be, as they were drawn last.
    furthest: usize,
    show_help: bool,
    /// Where the user is, for the time of day.
    zone: TimeZone,
    actions: Sender<Action>,
}

/// Shows the chat until the user quits, or the session ends.
pub(crate) async fn run(
    model: Model,
    updates: Receiver<Update>,
    actions: Sender<Action>,
) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let result = Screen::new(model, TimeZone::system(), actions).show(&mut terminal, updates).await;
    ratatui::restore();
    result
}

impl Screen {
    fn new(model: Model, zone: TimeZone, actions: Sender<Action>) -> Self {
        let input = Input::default();
        Self { model, input, scroll: 0, furthest: 0, show_help: false, zone, actions }
    }

    async fn show(
        mut self,
        terminal: &mut DefaultTerminal,
        mut updates: Receiver<Update>,
    ) -> io::Result<()> {
        let mut keys = terminal_events();
        loop {
            terminal.draw(|frame| self.draw(frame))?;
            select! {
                update = updates.recv() => match update {
                    Some(update) => {
                        self.model.apply(update);
                        // What else is there already is drawn with it.
                        while let Ok(update) = updates.try_recv() {
                            self.model.apply(update);
                        }
                    }
                    None => return Ok(()),
                },
                event = keys.recv() => match event {
                    Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                        if self.press(key) {
                            return Ok(());
                        }
                    }
                    Some(_) => {} // such as another size: it is drawn anew
                    None => return Ok(()),
                },
            }
        }
    }

    /// A key was pressed: whether to quit.
    fn press(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        self.show_help = false;
        match key.code {
            KeyCode::Char('c' | 'd') if control => return true,
            KeyCode::Tab | KeyCode::Down => self.move_by(1),
            KeyCode::BackTab | KeyCode::Up => self.move_by(-1),
            KeyCode::PageUp => self.scroll_back(),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_sub(SCROLL_LINES),
            KeyCode::Esc => self.model.notice = None,
            KeyCode::Enter => return self.enter(),
            _ => drop(self.input.handle_event(&Event::Key(key))),
        }
        false
    }

    fn move_by(&mut self, by: isize) {
        self.model.move_by(by);
        self.scroll = 0;
    }

    /// Scrolls back; from the first message that is there on, fetches older ones.
    fn scroll_back(&mut self) {
        if self.scroll < self.furthest {
            self.scroll += SCROLL_LINES;
        } else if let Command::Do(action) = command::older(&self.model) {
            self.scroll += SCROLL_LINES;
            self.send(action);
        }
    }

    fn enter(&mut self) -> bool {
        let line = self.input.value_and_reset();
        self.scroll = 0;
        self.model.notice = None;
        match command::enter(&line, &mut self.model) {
            Command::Do(action) => self.send(action),
            Command::Done => {}
            Command::Wrong(why) => self.model.notice = Some(why),
            Command::Help => self.show_help = true,
            Command::Quit => return true,
        }
        false
    }

    fn send(&mut self, action: Action) {
        if self.actions.try_send(action).is_err() {
            self.model.notice = Some("too much waits for the connection".to_owned());
        }
    }
}

/// How far a key scrolls.
const SCROLL_LINES: usize = 10;

/// What the terminal tells, read by a thread of its own, since nothing can stop a read that waits for a key.
fn terminal_events() -> Receiver<Event> {
    let (sender, events) = channel(16);
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                break;
            }
        }
    });
    events
}
