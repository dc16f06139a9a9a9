//! Guessing names and passwords.

use accounts::{LogInError, Pace, Password, RegisterError};
use futures_util::future::join_all;
use hardlight::{CallError, Error};

use crate::house::{Client, House, PASSWORD};

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let house = House::new().await;
    house.user("ann").await;
    let client = house.anonymous().await;
    let mut answers = Vec::new();
    for name in ["ann", "bob", "Ann", "", "ann ", "users/ann"] {
        answers.push(attempt(&client, name, "wrong password").await);
    }
    answers.push(attempt(&client, "bob", PASSWORD).await);
    answers.push(attempt(&client, "ann", "").await);
    answers.push(attempt(&client, "ann", &PASSWORD.repeat(1000)).await);
    assert_eq!(answers, vec![Err(Error::Application(LogInError::BadCredentials)); 9]);
}

#[tokio::test]
async fn a_name_of_a_mebibyte_does_not_get_as_far_as_the_handler() {
    let house = House::new().await;
    let client = house.anonymous().await;
    let name = "a".repeat(1 << 20);
    let registered = client.0.register(name.clone(), Password::new(PASSWORD)).await;
    assert!(matches!(registered, Err(Error::Call(CallError::InputTooLarge { .. }))));
    let attempted = attempt(&client, &name, PASSWORD).await;
    assert!(matches!(attempted, Err(Error::Call(CallError::InputTooLarge { .. }))));
    let followed = client.0.follow(name.into()).await;
    assert!(matches!(followed, Err(Error::Call(CallError::InputTooLarge { .. }))));
    assert_eq!(house.ran(), (1, vec![]));
    // The connection goes on, and what does get there is refused there.
    let name = "a".repeat(100 * 1024);
    let registered = client.0.register(name.clone(), Password::new(PASSWORD)).await;
    assert_eq!(registered, Err(Error::Application(RegisterError::BadName)));
    assert_eq!(
        attempt(&client, &name, PASSWORD).await,
        Err(Error::Application(LogInError::BadCredentials))
    );
    assert_eq!(client.0.follow(name.into()).await, Ok(false));
    assert!(client.0.features().iter().next().is_none());
    client.0.register("ann".into(), Password::new(PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn names_and_passwords_that_cannot_be_are_refused() {
    let house = House::new().await;
    let client = house.anonymous().await;
    for name in ["", "Ann", "ann/bob", "+", "#", "an n", "ännchen", "a\n", &"a".repeat(33)] {
        let refused = client.0.register(name.into(), Password::new(PASSWORD)).await;
        assert_eq!(refused, Err(Error::Application(RegisterError::BadName)), "{name:?}");
    }
    for password in ["", "seven77", &"a".repeat(257)] {
        let refused = client.0.register("ann".into(), Password::new(password)).await;
        assert_eq!(refused, Err(Error::Application(RegisterError::BadPassword)), "{password}");
    }
    client.0.register("ann".into(), Password::new("éééééééé")).await.unwrap();
    let taken = client.0.register("ann".into(), Password::new(PASSWORD)).await;
    assert_eq!(taken, Err(Error::Application(RegisterError::NameTaken)));
    assert_eq!(
        attempt(&client, "ann", PASSWORD).await,
        Err(Error::Application(LogInError::BadCredentials))
    );
}

#[tokio::test]
async fn of_two_who_register_a_name_at_once_one_gets_it() {
    let house = House::new().await;
    let client = house.anonymous().await;
    let register = |_| client.0.register("ann".into(), Password::new(PASSWORD));
    let results = join_all((0..8).map(register)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn guesses_at_one_name_are_slowed_also_if_all_are_sent_at_once() {
    let house = House::with(Pace { per_name: 5, per_address: 1000 }).await;
    house.user("ann").await;
    let clients = [house.anonymous().await, house.anonymous().await];
    let guesses =
        clients.iter().flat_map(|client| (0..20).map(move |_| attempt(client, "ann", "wrong")));
    let results = join_all(guesses).await;
    let compared = results
        .iter()
        .filter(|result| **result == Err(Error::Application(LogInError::BadCredentials)));
    assert_eq!(compared.count(), 5);
    // Not even the right password is compared now, so nobody learns that it is.
    let slowed = Err(Error::Application(LogInError::TooManyAttempts { seconds: 1 }));
    assert_eq!(attempt(&clients[0], "ann", PASSWORD).await, slowed);
    assert_eq!(
        attempt(&clients[0], "bob", PASSWORD).await,
        Err(Error::Application(LogInError::BadCredentials))
    );
    house.pass(std::time::Duration::from_secs(1));
    assert_eq!(attempt(&clients[0], "ann", PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn guesses_at_many_names_from_one_address_are_slowed_and_so_is_registering() {
    let house = House::with(Pace { per_name: 1000, per_address: 10 }).await;
    let client = house.anonymous().await;
    for name in 0..10 {
        let guess = attempt(&client, &name.to_string(), "password").await;
        assert_eq!(guess, Err(Error::Application(LogInError::BadCredentials)));
    }
    let other = house.anonymous().await;
    let slowed = Err(Error::Application(LogInError::TooManyAttempts { seconds: 1 }));
    assert_eq!(attempt(&other, "ann", "password").await, slowed);
    let registered = other.0.register("ann".into(), Password::new(PASSWORD)).await;
    assert_eq!(registered, Err(Error::Application(RegisterError::TooManyAttempts { seconds: 1 })));
}

async fn attempt(client: &Client, name: &str, password: &str) -> Result<(), Error<LogInError>> {
    client.0.log_in(name.into(), Password::new(password)).await.map(drop)
}
