//! Calls of the server.

use chat_shared::{ChatError, Message, PAGE, chat};
use hardlight::Error;

use crate::{Action, Update};

/// How many pages a gap may have. One that is wider is not closed.
const MAX_GAP_PAGES: usize = 20;

/// Does what the user wants: what came of it.
pub async fn run(client: chat::Client, action: Action) -> Update {
    match action {
        Action::Join(thread) => match client.join(thread.clone()).await {
            Ok(()) => last_page(&client, thread).await,
            Err(error) => refused(&error),
        },
        Action::Leave(thread) => match client.leave(thread).await {
            Ok(()) => Update::Done,
            Err(error) => refused(&error),
        },
        Action::Send { thread, text } => {
            let why = match client.send_message(thread.clone(), text.clone()).await {
                Ok(_) => return Update::Done,
                // To send it again by itself might have it there twice. Only the user can know whether that matters.
                Err(Error::Indeterminate(error)) => format!("perhaps not sent ({error})"),
                Err(Error::Call(error)) if !error.did_not_run() => {
                    format!("perhaps not sent ({error})")
                }
                Err(Error::NotSent(error)) => format!("not sent ({error})"),
                Err(error) => format!("not sent ({error})"),
            };
            Update::Refused(format!("{why}: {thread}: {text}"))
        }
        Action::Older { thread, before } => page(&client, thread, Some(before)).await,
    }
}

/// What was said last in a thread that was entered: a page of it, or why there is none.
pub async fn last_page(client: &chat::Client, thread: String) -> Update {
    page(client, thread, None).await
}

async fn page(client: &chat::Client, thread: String, before: Option<i64>) -> Update {
    match client.history(thread.clone(), before).await {
        Ok(messages) => Update::Older { thread, messages },
        Err(error) => refused(&error),
    }
}

/// What was said in a thread after a message, and whether that is all; else it is the end of it.
///
/// # Errors
///
/// Those of [`history`](chat_shared::Chat::history).
pub async fn since(
    client: &chat::Client,
    thread: &str,
    after: i64,
) -> Result<(Vec<Message>, bool), Error<ChatError>> {
    let (mut pages, mut before, mut is_all) = (Vec::new(), None, false);
    while !is_all && pages.len() < MAX_GAP_PAGES {
        let mut page = client.history(thread.to_owned(), before).await?;
        is_all = page.len() < PAGE || page.iter().any(|message| message.id <= after);
        page.retain(|message| message.id > after);
        before = page.first().map(|message| message.id);
        pages.push(page);
    }
    Ok((pages.into_iter().rev().flatten().collect(), is_all))
}

fn refused(error: &Error<ChatError>) -> Update {
    Update::Refused(error.to_string())
}
