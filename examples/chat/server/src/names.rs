//! Names of users and threads, and who may enter a thread.

use chat_shared::{ChatError, MAX_NAME_CHARS};

/// What a thread for some only begins with.
const PRIVATE: char = '@';

/// Checks the name of a user.
pub(crate) fn check_user(name: &str) -> Result<(), ChatError> {
    if is_name(name) { Ok(()) } else { Err(ChatError::BadName) }
}

/// Whether a user may be in a thread; whether there can be such a thread at all.
pub(crate) fn check_thread(user: &str, thread: &str) -> Result<(), ChatError> {
    let Some(members) = thread.strip_prefix(PRIVATE) else {
        return if is_name(thread) { Ok(()) } else { Err(ChatError::BadThread) };
    };
    let members: Vec<_> = members.split(',').collect();
    // In order and each once, so that a group has one thread.
    let sorted = members.is_sorted_by(|one, next| one < next);
    if !sorted
        || thread.chars().count() > MAX_NAME_CHARS
        || !members.iter().all(|name| is_name(name))
    {
        return Err(ChatError::BadThread);
    }
    if !members.contains(&user) {
        return Err(ChatError::NotForYou { thread: thread.to_owned() });
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_few_plain_characters() {
        assert_eq!(check_user("ann-2_x"), Ok(()));
        for bad in ["", "ann bob", "ann/bob", "é", "#", "+", "@ann", &"a".repeat(33)] {
            assert_eq!(check_user(bad), Err(ChatError::BadName), "{bad:?}");
            let refused = check_thread("ann", bad);
            assert!(bad == "@ann" || refused == Err(ChatError::BadThread), "{bad:?}");
        }
    }

    #[test]
    fn a_thread_that_names_its_members_is_for_them_alone() {
        let thread = "@ann,bob";
        assert_eq!(check_thread("ann", thread), Ok(()));
        assert_eq!(check_thread("bob", thread), Ok(()));
        let refused = ChatError::NotForYou { thread: thread.to_owned() };
        assert_eq!(check_thread("eve", thread), Err(refused));
        assert_eq!(check_thread("eve", "lobby"), Ok(()));
    }

    #[test]
    fn a_group_has_one_thread() {
        for bad in ["@bob,ann", "@ann,ann", "@", "@ann,", "@ann,b/c"] {
            assert_eq!(check_thread("ann", bad), Err(ChatError::BadThread), "{bad}");
        }
    }
}
