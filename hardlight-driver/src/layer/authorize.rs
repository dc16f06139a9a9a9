//! Who may call what.

use std::{collections::BTreeMap, fmt};

use hardlight_proto::{CallError, Feature};

use super::{Call, Layer, Next, Outcome};
use crate::service::ServiceMethod;

type Rule = Box<dyn Fn(&Call) -> bool + Send + Sync>;
type Refusal = Box<dyn Fn(&Call) -> Outcome + Send + Sync>;

/// What a user may be, kept in the extensions of a connection by whoever knows its user: the factory, or the handler that logs it
/// in.
pub trait Roles: Clone + Send + Sync + 'static {
    /// One of the roles that there are.
    type Role: Send + Sync + 'static;

    /// Whether the user has it.
    fn has(&self, role: &Self::Role) -> bool;
}

/// A [`Layer`] that lets connections call some methods and not others, by what is known of the connection at that moment.
///
/// Rules name methods. Those that name the same one must all hold. A call that may not be is answered
/// [`CallError::MissingFeature`], and its handler does not run; [`refuse_with`](Self::refuse_with) chooses another answer.
///
/// What a client should know of beforehand, to show it or not, is better a feature of the method itself, by
/// `#[rpc(feature = ..)]`: the client is told of its features, and `can` asks for them. A layer is for what concerns the server
/// alone, and for a service whose trait is another's.
///
/// It asks once, when a call comes to it. Where a call may wait behind that, in a [`ConcurrencyLimit`](super::ConcurrencyLimit) for one,
/// and what was taken away meanwhile has to count, it belongs within what waits.
///
/// Memory: some 100 bytes for each rule.
pub struct Authorize {
    rules: BTreeMap<&'static str, Vec<Rule>>,
    others: bool,
    refusal: Option<Refusal>,
}

impl Authorize {
    /// Methods that no rule names may be called by all.
    pub const fn open() -> Self {
        Self { rules: BTreeMap::new(), others: true, refusal: None }
    }

    /// Methods that no rule names may be called by nobody.
    pub const fn closed() -> Self {
        Self { rules: BTreeMap::new(), others: false, refusal: None }
    }

    /// These methods may be called by all, as far as no other rule names them.
    #[must_use]
    pub fn all(self, methods: impl IntoIterator<Item = impl ServiceMethod>) -> Self {
        self.when(methods, |_| true)
    }

    /// These methods may be called by connections that have a feature.
    #[must_use]
    pub fn feature(
        self,
        methods: impl IntoIterator<Item = impl ServiceMethod>,
        feature: impl Feature,
    ) -> Self {
        let feature = feature.name();
        self.when(methods, move |call| call.has_feature(feature))
    }

    /// These methods may be called by those who have a role, by the `R` among the connection's extensions. Where there is none
    /// nobody may.
    #[must_use]
    pub fn role<R: Roles>(
        self,
        methods: impl IntoIterator<Item = impl ServiceMethod>,
        role: R::Role,
    ) -> Self {
        let role = std::sync::Arc::new(role);
        self.when(methods, move |call| {
            let roles = call.connection_extensions().and_then(|extensions| extensions.get::<R>());
            roles.is_some_and(|roles| roles.has(&role))
        })
    }

    /// These methods may be called where `check` says so. It must not block; what has to wait is a layer of its own.
    #[must_use]
    pub fn when(
        mut self,
        methods: impl IntoIterator<Item = impl ServiceMethod>,
        check: impl Fn(&Call) -> bool + Clone + Send + Sync + 'static,
    ) -> Self {
        for method in methods {
            self.rules.entry(method.name()).or_default().push(Box::new(check.clone()));
        }
        self
    }

    /// Answers what may not be called with something else: an error of the application's own, by [`Call::answer`].
    #[must_use]
    pub fn refuse_with(
        mut self,
        refusal: impl Fn(&Call) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.refusal = Some(Box::new(refusal));
        self
    }

    fn allows(&self, call: &Call) -> bool {
        match self.rules.get(call.method()) {
            Some(rules) => rules.iter().all(|rule| rule(call)),
            None => self.others,
        }
    }
}

impl Layer for Authorize {
    async fn around(&self, call: Call, next: Next) -> Outcome {
        if self.allows(&call) {
            return next.run(call).await;
        }
        tracing::debug!(method = call.method(), "a call is not allowed");
        call.note_refusal("authorize");
        match &self.refusal {
            Some(refusal) => refusal(&call),
            None => Err(CallError::MissingFeature),
        }
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("methods", &self.rules.keys())
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}
