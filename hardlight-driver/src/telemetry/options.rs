//! What an application chooses.

use super::Propagation;

/// What a client or a server tells of itself, where that is more than it tells anyway. See the guide to observability.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Telemetry {
    /// See [`propagation`](Self::propagation).
    pub propagation: Propagation,
    /// See [`payloads`](Self::payloads).
    pub payloads: bool,
}

impl Telemetry {
    /// The defaults.
    pub const fn new() -> Self {
        Self { propagation: Propagation::none(), payloads: false }
    }

    /// Whether calls carry W3C trace context, and whose. Default: [`Propagation::none`]. On a server it believes its clients: one
    /// that is open to all lets anybody write into its traces. Memory: some 100 bytes and the `tracestate`, up to 512 bytes, for each
    /// call that is under way.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = propagation;
        self
    }

    /// Whether the inputs and outputs of calls are logged, by their `Debug`, as events of the level `TRACE` with the target
    /// `hardlight::payload`, if a subscriber wants these. Default: no, and nothing of them is logged whatever the level. Those of
    /// methods that are marked `#[rpc(secret)]` never are, and what has no `Debug` is shown as `_`. No memory cost.
    #[must_use]
    pub const fn payloads(mut self, payloads: bool) -> Self {
        self.payloads = payloads;
        self
    }
}
