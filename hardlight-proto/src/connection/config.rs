//! What a connection is made with.

use crate::{features::FeatureSet, frame::Resume, limits::Limits, schema::ServiceSchema};

/// What a client's side of a connection is made with.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(super) schema: &'static ServiceSchema,
    pub(super) limits: Limits,
    pub(super) compression: bool,
    pub(super) partial_state: bool,
    pub(super) resume: Option<Resume>,
}

impl ClientConfig {
    /// With the default limits, without compression.
    pub const fn new(schema: &'static ServiceSchema) -> Self {
        let limits = Limits::new();
        Self { schema, limits, compression: false, partial_state: false, resume: None }
    }

    /// The client's view of the service.
    pub const fn schema(&self) -> &'static ServiceSchema {
        self.schema
    }

    /// The limits of this side.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// See [`with_limits`](Self::with_limits).
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether payloads may travel compressed, if the server agrees. Default: no. Without the feature `deflate` never.
    ///
    /// Payloads of 1 KiB and more are, if that makes them shorter; never those of methods and state fields that are marked
    /// secret (SPEC.md, sections 8 and 22).
    #[must_use]
    pub const fn with_compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// Whether the client can do without state fields that the server has with another type or under another name: they keep
    /// their defaults, and each is reported as a [mismatch](crate::ClientEvent::Mismatch). Default: no, the connection is
    /// refused as [incompatible](crate::ConnectionError::Incompatible) (SPEC.md, section 6.3).
    ///
    /// Fields that only one side has are no matter.
    #[must_use]
    pub const fn with_partial_state(mut self, partial_state: bool) -> Self {
        self.partial_state = partial_state;
        self
    }

    /// What an earlier connection was subscribed to, and how far it came, so that the server can go on from there:
    /// [`Connection::resume_point`](crate::Connection::resume_point) of that one. It subscribes to nothing by itself.
    #[must_use]
    pub fn with_resume(mut self, resume: Option<Resume>) -> Self {
        self.resume = resume;
        self
    }
}

/// What a server's side of a connection is made with.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) schema: &'static ServiceSchema,
    pub(super) limits: Limits,
    pub(super) compression: bool,
    pub(super) epoch: Option<u64>,
    pub(super) features: FeatureSet,
}

impl ServerConfig {
    /// With the default limits, without compression, epoch and features.
    pub const fn new(schema: &'static ServiceSchema) -> Self {
        Self {
            schema,
            limits: Limits::new(),
            compression: false,
            epoch: None,
            features: FeatureSet::new(),
        }
    }

    /// The server's view of the service.
    pub const fn schema(&self) -> &'static ServiceSchema {
        self.schema
    }

    /// The limits of this side.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// See [`with_limits`](Self::with_limits).
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether payloads may travel compressed: see [`ClientConfig::with_compression`].
    #[must_use]
    pub const fn with_compression(mut self, compression: bool) -> Self {
        self.compression = compression;
        self
    }

    /// A random number that stands for this life of the server's topics and their sequence numbers: the same for all
    /// connections that share them. Without it no client can resume.
    #[must_use]
    pub const fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// The features that the connection begins with. Default: none.
    #[must_use]
    pub fn with_features(mut self, features: FeatureSet) -> Self {
        self.features = features;
        self
    }
}
