//! What the user can type.

use std::str::FromStr;

use hardlight::{ConnectionError, Error};
use notes_shared::{Note, NotesError, notes};

pub(crate) const HELP: &str = "\
Commands:
  add TEXT        pin a note to the board
  remove ID       take one of your notes off the board
  list            show the board
  follow AUTHOR   be told what this author adds and removes
  unfollow AUTHOR no longer";

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Add(String),
    Remove(i64),
    List,
    Follow(String),
    Unfollow(String),
}

impl FromStr for Command {
    type Err = &'static str;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("add", text) => Ok(Self::Add(text.to_owned())),
            ("remove", id) => id.parse().map(Self::Remove).map_err(|_| HELP),
            ("list", "") => Ok(Self::List),
            ("follow", author) => Ok(Self::Follow(author.to_owned())),
            ("unfollow", author) => Ok(Self::Unfollow(author.to_owned())),
            _ => Err(HELP),
        }
    }
}

impl Command {
    /// Calls the server and shows the result. Only an error that ends the connection is an error here.
    pub(crate) async fn run(self, client: &notes::Client) -> Result<(), ConnectionError> {
        match self.call(client).await {
            Ok(()) => {}
            // The application's own error, as the server's code returned it.
            Err(Error::Application(NotesError::NotYours { author, .. })) => {
                println!("refused: that is {author}'s");
            }
            Err(Error::Application(error)) => println!("refused: {error}"),
            // This call has no result; the next one may.
            Err(Error::Call(error)) => println!("failed: {error}"),
            Err(Error::NotSent(error) | Error::Indeterminate(error)) => return Err(error),
        }
        Ok(())
    }

    async fn call(self, client: &notes::Client) -> Result<(), Error<NotesError>> {
        match self {
            Self::Add(text) => {
                let note = client.add(text).await?;
                println!("added note {}", note.id);
            }
            Self::Remove(id) => {
                client.remove(id).await?;
                println!("removed note {id}");
            }
            Self::List => {
                for Note { id, author, text } in client.list().await? {
                    println!("{id:>4}  {author}: {text}");
                }
            }
            Self::Follow(author) => {
                client.follow(author.clone()).await?;
                println!("following {author}");
            }
            Self::Unfollow(author) => {
                // The method has no error of its own, so its `Error` is of another type than the others'.
                if client.unfollow(author.clone()).await.map_err(Error::widen)? {
                    println!("no longer following {author}");
                } else {
                    println!("{author} was not followed");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_line() {
        assert_eq!("add buy milk".parse(), Ok(Command::Add("buy milk".to_owned())));
        assert_eq!("remove 7".parse(), Ok(Command::Remove(7)));
        assert_eq!("list".parse(), Ok(Command::List));
        for line in ["", "remove", "remove it", "list all", "adding"] {
            assert_eq!(line.parse::<Command>(), Err(HELP), "{line:?}");
        }
    }
}
