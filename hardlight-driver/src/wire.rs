//! The transport and the timer of one connection, joined to its state machine.

use std::task::{Context, Poll};

use hardlight_proto::{Connection, Role, Time, Transmit};

use crate::{
    timer::Timer,
    transport::{Incoming, Outgoing, Transport},
};

/// Messages that are dropped per poll while the connection closes.
const MAX_DROPPED_PER_POLL: usize = 16;
/// Messages that are read after writing has failed, in search of a close.
const MAX_READS_AFTER_FAILURE: usize = 64;

pub(crate) struct Wire<T, M> {
    transport: T,
    timer: M,
    /// What the alarm is set to.
    alarm: Option<Time>,
    unflushed: bool,
    /// Taken from the connection while the transport was not ready.
    next: Option<Outgoing>,
    stage: Stage,
}

enum Stage {
    Running,
    /// The close is sent, or the transport is being given up: until this time.
    Closing {
        deadline: Time,
    },
    /// The transport has ended.
    Ended,
}

impl<T: Transport, M: Timer> Wire<T, M> {
    pub(crate) fn new(transport: T, timer: M) -> Self {
        Self {
            transport,
            timer,
            alarm: None,
            unflushed: false,
            next: None,
            stage: Stage::Running,
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.timer.now()
    }

    /// Reads one message, if one is there: whether it did.
    pub(crate) fn read<R: Role>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<R>,
    ) -> bool {
        if matches!(self.stage, Stage::Ended) || !connection.wants_message() {
            return false;
        }
        match self.transport.poll_receive(cx) {
            Poll::Pending => return false,
            Poll::Ready(Some(Ok(incoming))) => receive(incoming, connection),
            Poll::Ready(Some(Err(error))) => self.lose(error.to_string(), connection),
            Poll::Ready(None) => {
                self.lose("the transport ended without a close".to_owned(), connection);
            }
        }
        true
    }

    /// Sends what the connection has ready, as far as the transport takes it, and flushes once.
    pub(crate) fn write<R: Role>(&mut self, cx: &mut Context<'_>, connection: &mut Connection<R>) {
        if matches!(self.stage, Stage::Ended) {
            return;
        }
        if let Err(error) = self.write_ready(cx, connection) {
            // The peer may have said why before it went.
            for _ in 0..MAX_READS_AFTER_FAILURE {
                let Poll::Ready(Some(Ok(incoming))) = self.transport.poll_receive(cx) else {
                    break;
                };
                receive(incoming, connection);
            }
            self.lose(error.to_string(), connection);
        }
    }

    fn write_ready<R: Role>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<R>,
    ) -> Result<(), T::Error> {
        loop {
            self.next = self.next.take().or_else(|| next_outgoing(connection));
            if self.next.is_none() || self.transport.poll_ready(cx)?.is_pending() {
                break;
            }
            if let Some(message) = self.next.take() {
                self.transport.start_send(message)?;
                self.unflushed = true;
            }
        }
        if self.unflushed {
            self.unflushed = self.transport.poll_flush(cx)?.is_pending();
        }
        Ok(())
    }

    fn lose<R: Role>(&mut self, why: String, connection: &mut Connection<R>) {
        self.stage = Stage::Ended;
        connection.handle_lost(why);
    }

    /// Passes time on to the connection: whether a timeout was handled.
    pub(crate) fn run_timer<R: Role>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<R>,
    ) -> bool {
        if !self.poll_alarm(cx, connection.poll_timeout()) {
            return false;
        }
        connection.handle_timeout(self.timer.now());
        true
    }

    /// After the connection has ended: closes the transport in an orderly way, but not for longer than the limit.
    /// What the peer still sends is read and dropped, so that it gets to see the close.
    pub(crate) fn poll_finish<R: Role>(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<R>,
        timeout: std::time::Duration,
    ) -> Poll<()> {
        if matches!(self.stage, Stage::Running) {
            self.stage = Stage::Closing {
                deadline: self.timer.now() + timeout,
            };
        }
        self.write(cx, connection);
        let mut read_some = 0;
        loop {
            let Stage::Closing { deadline } = self.stage else {
                return Poll::Ready(());
            };
            if self.poll_alarm(cx, Some(deadline)) {
                return Poll::Ready(());
            }
            match self.transport.poll_receive(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None | Some(Err(_))) => return Poll::Ready(()),
                Poll::Ready(Some(Ok(_))) => read_some += 1,
            }
            if read_some == MAX_DROPPED_PER_POLL {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Whether `deadline` has passed. Touches the timer only if the deadline changed.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, deadline: Option<Time>) -> bool {
        let Some(deadline) = deadline else {
            return false;
        };
        if self.alarm != Some(deadline) {
            self.timer.reset(deadline);
            self.alarm = Some(deadline);
        }
        let expired = self.timer.poll_expired(cx).is_ready();
        if expired {
            self.alarm = None;
        }
        expired
    }
}

fn next_outgoing<R: Role>(connection: &mut Connection<R>) -> Option<Outgoing> {
    connection.poll_transmit().map(|transmit| match transmit {
        Transmit::Message(message) => Outgoing::Message(message),
        Transmit::Close(reason) => Outgoing::Close(reason),
    })
}

fn receive<R: Role>(incoming: Incoming, connection: &mut Connection<R>) {
    match incoming {
        Incoming::Message(message) => connection.handle_message(message),
        Incoming::Text => connection.handle_text(),
        Incoming::Close(reason) => connection.handle_close(reason),
    }
}
