//! The server's end of a state: the value, and what the client was last sent of it.

use core::{fmt, ops::Deref};

use bytes::Bytes;

use super::{ConnectionState, GatedFields, StateWriter};
use crate::{
    close::{CloseCode, CloseReason},
    connection::{Connection, Server},
    features::FeatureSet,
    payload::EncodeError,
};

/// A connection's state on the server, for an embedder: it makes the operations that a [`Connection`] sends.
///
/// Memory: the state twice, since what the client has is kept to find out what changed; of collections that
/// [record](crate::sync) only what changed.
pub struct StateSource<S: ConnectionState> {
    state: S,
    shadow: S::Shadow,
    gated: GatedFields,
    features: FeatureSet,
    /// Kept for its memory.
    writer: StateWriter,
}

impl<S: ConnectionState> StateSource<S> {
    /// A state, and the snapshot that [`Connection::server`] takes, for a connection without features.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded.
    pub fn new(state: S) -> Result<(Self, Bytes), EncodeError> {
        Self::with_features(state, FeatureSet::new())
    }

    /// [`new`](Self::new), for a connection that begins with these features, as its
    /// [`ServerConfig`](crate::ServerConfig::with_features) has them too.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded.
    pub fn with_features(mut state: S, features: FeatureSet) -> Result<(Self, Bytes), EncodeError> {
        let mut gated = GatedFields::of::<S>();
        let mut writer = StateWriter::new();
        gated.apply(&features, &mut writer);
        state.snapshot(&mut writer)?;
        let snapshot = writer.take();
        let shadow = state.shadow();
        Ok((Self { state, shadow, gated, features, writer }, snapshot))
    }

    /// Changes what the connection may do, and sends the fields that it gains by that; those that it loses go back to their
    /// defaults at the client.
    pub fn set_features(&mut self, features: FeatureSet, connection: &mut Connection<Server>) {
        connection.set_features(features);
        self.send_changes(connection);
    }

    /// The state, to be changed; to send what has changed takes [`send_changes`](Self::send_changes).
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.state
    }

    /// Sends what has changed since the last time. Call it before a call is answered that has changed something.
    ///
    /// It takes time in proportion to the size of the state, but for collections that [record](crate::sync). If a value cannot be encoded it ends the connection, since the
    /// client's copy would be wrong from there on.
    ///
    /// Fields that need a feature come and go with those that the connection has by now.
    pub fn send_changes(&mut self, connection: &mut Connection<Server>) {
        if !self.gated.is_empty() && self.features != *connection.features() {
            self.features.clone_from(connection.features());
        }
        match self.changes() {
            Ok(Some(changes)) => connection.send_state(changes),
            Ok(None) => {}
            Err(_) => connection.abort(CloseReason::new(CloseCode::INTERNAL_ERROR, "")),
        }
    }

    /// What has changed since the last time, for [`Connection::send_state`]; `None` if nothing has.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded. The connection is to end then: [`Connection::abort`].
    pub fn changes(&mut self) -> Result<Option<Bytes>, EncodeError> {
        self.gated.apply(&self.features, &mut self.writer);
        self.state.diff(&mut self.shadow, &mut self.writer)?;
        Ok((!self.writer.is_empty()).then(|| self.writer.take()))
    }
}

impl<S: ConnectionState> Deref for StateSource<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S: ConnectionState + fmt::Debug> fmt::Debug for StateSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateSource").field(&self.state).finish()
    }
}
