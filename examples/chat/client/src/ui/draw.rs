//! What the screen looks like.

use chat_front::{Status, Thread};
use chat_shared::Message;
use jiff::{Timestamp, tz::TimeZone};
use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, Clear, Paragraph},
};

use super::Screen;
use crate::command::HELP;

/// How wide the lists at the sides are.
const SIDE: u16 = 20;

/// From how wide a terminal on there is room for the list of who is there.
const WIDE: u16 = 72;

/// How wide the time of a message is, with the space behind it.
const TIME_WIDTH: usize = 6;

const KEYS: &str = "Tab next thread · PgUp older · /help · Ctrl-C quit";

impl Screen {
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let rows = [
            Constraint::Length(1),
            Constraint::Min(3),
            Constraint::Length(3),
            Constraint::Length(1),
        ];
        let [title, body, input, foot] = Layout::vertical(rows).areas(frame.area());
        let here = if body.width >= WIDE { SIDE } else { 0 };
        let columns = [Constraint::Length(SIDE), Constraint::Min(10), Constraint::Length(here)];
        let [threads, messages, present] = Layout::horizontal(columns).areas(body);
        self.draw_title(frame, title);
        self.draw_threads(frame, threads);
        self.draw_messages(frame, messages);
        if here > 0 {
            self.draw_present(frame, present);
        }
        self.draw_input(frame, input);
        self.draw_foot(frame, foot);
        if self.show_help {
            draw_help(frame);
        }
    }

    fn draw_title(&self, frame: &mut Frame<'_>, area: Rect) {
        let (text, color) = match &self.model.status {
            Status::Connecting => ("connecting".to_owned(), Color::Yellow),
            Status::Online => ("online".to_owned(), Color::Green),
            Status::Offline { why } => (format!("offline: {why}"), Color::Red),
        };
        let name = Span::styled(format!(" {} ", self.model.user), Modifier::BOLD);
        let status = Span::styled(format!("● {text}"), color);
        frame.render_widget(Line::from_iter([name, status]), area);
    }

    fn draw_threads(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = self.model.threads.iter().map(|(name, thread)| {
            let is_current = self.model.current.as_ref() == Some(name);
            let mark = if is_current { "› " } else { "  " };
            let (unread, style) = match thread.unread {
                0 if is_current => (String::new(), Modifier::REVERSED.into()),
                0 => (String::new(), Style::new()),
                unread => (format!(" {unread}"), Modifier::BOLD.into()),
            };
            let width = usize::from(SIDE).saturating_sub(4 + unread.len());
            Line::styled(format!("{mark}{name:width$.width$}{unread}"), style)
        });
        let block = Block::bordered().title(" threads ");
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
    }

    fn draw_present(&self, frame: &mut Frame<'_>, area: Rect) {
        let present = self.model.current().map_or(&[][..], |(_, thread)| &*thread.present);
        let lines = present.iter().map(|user| Line::styled(user.as_str(), color_of(user)));
        let block = Block::bordered().title(format!(" here: {} ", present.len()));
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
    }

    fn draw_messages(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let Some((name, thread)) = self.model.current() else {
            let text = Paragraph::new("You are in no thread. Enter one: /join lobby");
            frame.render_widget(text.block(Block::bordered()), area);
            return;
        };
        let block = Block::bordered().title(format!(" {name} "));
        let inner = block.inner(area);
        let lines = lines_of(thread, inner.width.into(), &self.zone);
        self.furthest = lines.len().saturating_sub(inner.height.into());
        self.scroll = self.scroll.min(self.furthest);
        let first = self.furthest - self.scroll;
        let shown = lines.into_iter().skip(first).take(inner.height.into());
        let text = Paragraph::new(shown.collect::<Vec<_>>());
        let block = match self.scroll {
            0 => block,
            lines => block.title_bottom(format!(" {lines} lines below ")),
        };
        frame.render_widget(text.block(block), area);
    }

    fn draw_input(&self, frame: &mut Frame<'_>, area: Rect) {
        let block = Block::bordered();
        let inner = block.inner(area);
        let scroll = self.input.visual_scroll(usize::from(inner.width.saturating_sub(1)));
        let text = Paragraph::new(self.input.value()).scroll((0, scroll as u16));
        frame.render_widget(text.block(block), area);
        let cursor = self.input.visual_cursor().saturating_sub(scroll) as u16;
        frame.set_cursor_position((inner.x + cursor, inner.y));
    }

    fn draw_foot(&self, frame: &mut Frame<'_>, area: Rect) {
        let line = match &self.model.notice {
            Some(notice) => Line::styled(format!(" {notice}"), Color::Yellow),
            None => Line::styled(format!(" {KEYS}"), Modifier::DIM),
        };
        frame.render_widget(line, area);
    }
}

/// The lines of a thread, as wide as there is room.
fn lines_of(thread: &Thread, width: usize, zone: &TimeZone) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if thread.is_complete {
        let text = "the thread begins here";
        lines.push(Line::styled(text, Modifier::DIM).alignment(Alignment::Center));
    }
    for message in thread.messages.values() {
        push_message(&mut lines, message, width, zone);
    }
    lines
}

/// The time, the author and the text, which is wrapped beside the time.
fn push_message(lines: &mut Vec<Line<'static>>, message: &Message, width: usize, zone: &TimeZone) {
    let Message { author, text, sent_ms, .. } = message;
    let room = width.saturating_sub(TIME_WIDTH).max(1);
    let whole = format!("{author}: {text}");
    for (place, text) in textwrap::wrap(&whole, room).iter().enumerate() {
        let time = if place == 0 { time_of(*sent_ms, zone) } else { String::new() };
        let mut spans = vec![Span::styled(format!("{time:TIME_WIDTH$}"), Modifier::DIM)];
        match text.strip_prefix(author.as_str()) {
            Some(rest) if place == 0 => {
                spans.push(Span::styled(author.clone(), color_of(author)));
                spans.push(rest.to_owned().into());
            }
            _ => spans.push(text.to_string().into()),
        }
        lines.push(Line::from(spans));
    }
}

/// The time of day.
fn time_of(sent_ms: i64, zone: &TimeZone) -> String {
    let Ok(time) = Timestamp::from_millisecond(sent_ms) else { return String::new() };
    time.to_zoned_datetime(zone.clone()).strftime("%H:%M").to_string()
}

/// Each author has a colour, the same everywhere.
fn color_of(user: &str) -> Color {
    const COLORS: [Color; 6] =
        [Color::Cyan, Color::Green, Color::Magenta, Color::Blue, Color::Yellow, Color::LightRed];
    let sum =
        user.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    COLORS[sum % COLORS.len()]
}

fn draw_help(frame: &mut Frame<'_>) {
    let lines: Vec<_> = HELP.lines().collect();
    let area = frame.area();
    let width = lines.iter().map(|line| line.len()).max().unwrap_or(0) as u16 + 4;
    let height = lines.len() as u16 + 2;
    let area = area.centered(Constraint::Max(width), Constraint::Max(height));
    frame.render_widget(Clear, area);
    let block = Block::new().borders(Borders::ALL).title(" help ");
    frame.render_widget(Paragraph::new(HELP).block(block), area);
}
