//! Hashing passwords: on threads that may be busy, and on not too many of them.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use crate::{Password, Token};

/// The memory that hashing one password takes, in KiB. With the two below it is the least that OWASP recommends for
/// Argon2id (Password Storage Cheat Sheet).
pub const HASH_MEMORY_KIB: u32 = 19 * 1024;
/// How often that memory is gone over.
pub const HASH_ITERATIONS: u32 = 2;
/// How many parts of it could be gone over at the same time.
pub const HASH_LANES: u32 = 1;

/// How many passwords are hashed at the same time.
const MAX_RUNNING: usize = 2;
/// How many are hashed or wait for that.
const MAX_WAITING: usize = 64;

/// What hashing one password costs, the server as well as whoever has stolen the hash.
#[derive(Clone, Copy, Debug)]
pub struct HashCost {
    /// Memory, in KiB. Default [`HASH_MEMORY_KIB`].
    pub memory_kib: u32,
    /// Passes over it. Default [`HASH_ITERATIONS`].
    pub iterations: u32,
    /// Parts of it. Default [`HASH_LANES`].
    pub lanes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: HASH_MEMORY_KIB, iterations: HASH_ITERATIONS, lanes: HASH_LANES }
    }
}

pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// What the password for an unknown user is compared with, so that it takes as long.
    nobody: PasswordHash,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Passwords {
    /// # Panics
    ///
    /// If argon2 takes no such cost.
    pub(crate) fn new(cost: HashCost) -> Self {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.lanes, None)
            .unwrap_or_else(|error| panic!("{cost:?}: {error}"));
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, &Password::new(Token::random().as_str()));
        let running = Arc::new(Semaphore::new(MAX_RUNNING));
        Self { argon2, nobody, running, waiting: Arc::new(Semaphore::new(MAX_WAITING)) }
    }

    /// A place in the line for one password, unless it is too long.
    pub(crate) fn line_up(&self) -> Option<Place<'_>> {
        let permit = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        Some(Place { passwords: self, permit })
    }
}

/// Lets one password be hashed.
pub(crate) struct Place<'a> {
    passwords: &'a Passwords,
    permit: OwnedSemaphorePermit,
}

impl Place<'_> {
    /// `None` if the server is ending.
    pub(crate) async fn hash(self, password: Password) -> Option<PasswordHash> {
        self.run(move |argon2| hash(argon2, &password)).await
    }

    /// Whether this is the password of the user with that hash. It takes as long for a user that there is not. `None` if the
    /// server is ending.
    pub(crate) async fn verify(
        self,
        password: Password,
        hash: Option<PasswordHash>,
    ) -> Option<bool> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.passwords.nobody.clone());
        let is_right = self
            .run(move |argon2| argon2.verify_password(password.as_str().as_bytes(), &hash).is_ok());
        Some(is_right.await? && is_known)
    }

    /// Runs work where it holds up no connection.
    ///
    /// A client can cancel its call, which drops this future, and the work runs to its end all the same: so it is the work
    /// that holds the place.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Option<T> {
        let turn = Arc::clone(&self.passwords.running).acquire_owned().await.ok()?;
        let (place, argon2) = (self.permit, self.passwords.argon2.clone());
        let work = spawn_blocking(move || {
            let _held = (turn, place);
            work(&argon2)
        });
        work.await.ok()
    }
}

fn hash(argon2: &Argon2<'_>, password: &Password) -> PasswordHash {
    let hash: Result<PasswordHash, _> = argon2.hash_password(password.as_str().as_bytes());
    hash.expect("argon2 hashes whatever is shorter than 4 GiB, and the system has random numbers")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use futures_util::FutureExt;

    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(HashCost { memory_kib: 8, iterations: 1, lanes: 1 })
    }

    fn place(passwords: &Passwords) -> Place<'_> {
        passwords.line_up().expect("the line is short")
    }

    #[tokio::test]
    async fn the_password_of_a_user_is_right_and_no_other_and_none_of_an_unknown_user() {
        let passwords = passwords();
        let right = Password::new("right");
        let hash = place(&passwords).hash(right.clone()).await;
        let verify =
            async |password: Password, hash| place(&passwords).verify(password, hash).await;
        assert_eq!(verify(right.clone(), hash.clone()).await, Some(true));
        assert_eq!(verify(Password::new("wrong"), hash).await, Some(false));
        assert_eq!(verify(right, None).await, Some(false));
        // Not even if somebody knew what an unknown user is compared with.
        let nobody = Password::new("nobody");
        let hash = place(&passwords).hash(nobody.clone()).await.expect("the server runs");
        let passwords = Passwords { nobody: hash, ..passwords };
        assert_eq!(place(&passwords).verify(nobody, None).await, Some(false));
    }

    #[tokio::test]
    async fn an_unknown_user_waits_for_a_turn_to_hash_like_any_other() {
        let passwords = passwords();
        let hash = place(&passwords).hash(Password::new("right")).await;
        let all = u32::try_from(MAX_RUNNING).expect("it is small");
        let taken = passwords.running.acquire_many(all).await.expect("it is open");
        for hash in [hash, None] {
            let mut compared = Box::pin(place(&passwords).verify(Password::new("wrong"), hash));
            assert_eq!((&mut compared).now_or_never(), None);
        }
        drop(taken);
        assert_eq!(passwords.nobody.params, hash_of_cost(&passwords).params);
    }

    #[tokio::test]
    async fn the_line_is_bounded_and_a_call_that_is_cancelled_leaves_it_with_its_work() {
        let passwords = passwords();
        let places: Vec<_> = (1..MAX_WAITING).map(|_| place(&passwords)).collect();
        let (finish, finished) = channel::<()>();
        let mut call = Box::pin(place(&passwords).run(move |_| finished.recv().is_ok()));
        assert_eq!((&mut call).now_or_never(), None);
        drop(call);
        // The call is gone, its work is not.
        assert!(passwords.line_up().is_none());
        assert_eq!(passwords.running.available_permits(), MAX_RUNNING - 1);
        finish.send(()).expect("the work waits for it");
        let last = passwords.waiting.acquire().await.expect("it is open");
        assert_eq!(passwords.running.available_permits(), MAX_RUNNING);
        drop((last, places));
        assert!(passwords.line_up().is_some());
    }

    fn hash_of_cost(passwords: &Passwords) -> PasswordHash {
        hash(&passwords.argon2, &Password::new("a"))
    }
}
