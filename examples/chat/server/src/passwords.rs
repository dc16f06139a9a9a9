//! Hashing passwords: on threads that may be busy, and on not too many of them.

use std::sync::Arc;

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use chat_shared::{ChatError, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// How many passwords are hashed at the same time: each takes 19 MiB of memory and a core.
const MAX_RUNNING: usize = 2;

/// Argon2id. `examples/accounts` says more of what a service has to do about passwords, and has sessions, so that a client that
/// comes back need not send its password again.
#[derive(Debug)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    running: Arc<Semaphore>,
}

/// Checks that somebody may keep a name by this.
pub(crate) fn check_password(password: &str) -> Result<(), ChatError> {
    let is_long_enough = password.chars().count() >= MIN_PASSWORD_CHARS;
    if is_long_enough && password.len() <= MAX_PASSWORD_BYTES {
        Ok(())
    } else {
        Err(ChatError::BadPassword)
    }
}

impl Passwords {
    fn new(params: Params) -> Self {
        Self { argon2: params.into(), running: Arc::new(Semaphore::new(MAX_RUNNING)) }
    }

    /// What is stored of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ChatError> {
        self.run(move |argon2| {
            let hash: Result<PasswordHash, _> = argon2.hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).ok()
        })
        .await
    }

    /// Whether this is the password of that hash.
    pub(crate) async fn verify(&self, password: String, hash: String) -> Result<bool, ChatError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Ok(false);
        }
        self.run(move |argon2| {
            let hash = PasswordHash::new(&hash).ok()?;
            Some(argon2.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    /// A client can cancel its call, which drops this future, and the work runs to its end all the same: so it is the work that
    /// holds the permit.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> Option<T> + Send + 'static,
    ) -> Result<T, ChatError> {
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let argon2 = self.argon2.clone();
        let work = spawn_blocking(move || {
            let _held = permit;
            work(&argon2)
        });
        work.await.ok().flatten().ok_or(ChatError::StoreFailed)
    }

    /// For tests, which have nothing to protect.
    #[cfg(test)]
    pub(crate) fn cheap() -> Self {
        Self::new(Params::new(8, 1, 1, None).expect("argon2 takes this cost"))
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new(Params::DEFAULT)
    }
}
