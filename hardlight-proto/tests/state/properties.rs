//! What holds for any two states, and for any operations.

use proptest::{collection::vec, prelude::*};

use super::{
    apply, diff,
    rich::{Rich, Source},
    snapshot,
};
use hardlight_proto::{ConnectionState, StateOperation, StateOperations};

fn rich(bytes: &[u8]) -> Rich {
    Source::new(bytes).rich()
}

/// The bytes of a state, and those of one that differs in a few places.
fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (vec(any::<u8>(), 1..700), vec(edit, 0..6)).prop_map(|(before, edits)| {
        let mut after = before.clone();
        for (index, byte, kind) in edits {
            let index = index.index(after.len());
            match kind {
                0 => after[index] = byte,
                1 => after.insert(index, byte),
                _ if after.len() > 1 => drop(after.remove(index)),
                _ => {}
            }
        }
        (before, after)
    })
}

#[track_caller]
fn check(before: &[u8], after: &[u8]) {
    let (mut copy, mut after) = (rich(before), rich(after));
    let mut shadow = copy.shadow();
    let operations = diff(&mut after, &mut shadow);
    let (old, new) = (snapshot(&copy), snapshot(&after));
    assert_eq!(operations.is_empty(), old == new, "a difference, and only that, is written");
    assert!(operations.len() <= new.len(), "{} bytes, whole {}", operations.len(), new.len());
    assert_eq!(apply(&mut copy, &operations), Ok(()));
    assert_eq!(snapshot(&copy), new);
    assert_eq!(diff(&mut after, &mut shadow), [], "the shadow is up to date");
    assert_eq!(diff(&mut copy, &mut shadow), []);
}

/// Where one operation ends and the next begins.
fn boundaries(operations: &[u8]) -> Vec<usize> {
    let ends =
        |end: &usize| StateOperations::new(&operations[..*end]).all(|operation| operation.is_ok());
    (0..=operations.len()).filter(ends).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn a_difference_leads_from_one_state_to_the_other((before, after) in pair()) {
        check(&before, &after);
    }

    #[test]
    fn a_difference_leads_from_any_state_to_any_other(
        before in vec(any::<u8>(), 0..700),
        after in vec(any::<u8>(), 0..700),
    ) {
        check(&before, &after);
    }

    #[test]
    fn operations_that_are_cut_change_nothing((before, after) in pair()) {
        let mut copy = rich(&before);
        let unchanged = snapshot(&copy);
        let operations = diff(&mut rich(&after), &mut copy.shadow());
        let whole = boundaries(&operations);
        for end in 0..operations.len() {
            if !whole.contains(&end) {
                prop_assert!(apply(&mut copy, &operations[..end]).is_err());
                prop_assert_eq!(&snapshot(&copy), &unchanged);
            }
        }
    }

    #[test]
    fn patches_that_are_cut_change_nothing((before, after) in pair()) {
        let mut copy = rich(&before);
        let unchanged = snapshot(&copy);
        let operations = diff(&mut rich(&after), &mut copy.shadow());
        for operation in StateOperations::new(&operations) {
            let Ok(StateOperation::Patch { field, patch }) = operation else { continue };
            for end in 0..patch.len() {
                let mut cut = vec![];
                varint(&mut cut, u64::from(field) << 2 | 1);
                varint(&mut cut, end as u64);
                cut.extend(&patch[..end]);
                match apply(&mut copy, &cut) {
                    Err(_) => prop_assert_eq!(&snapshot(&copy), &unchanged),
                    // It ends behind one of its own operations, or within an archive that is shorter now.
                    Ok(()) => copy = rich(&before),
                }
            }
        }
    }

    #[test]
    fn operations_with_other_bytes_change_nothing_or_lead_to_a_sound_state(
        (before, after) in pair(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut copy = rich(&before);
        let unchanged = snapshot(&copy);
        let mut operations = diff(&mut rich(&after), &mut copy.shadow());
        prop_assume!(!operations.is_empty());
        for (index, byte) in edits {
            let index = index.index(operations.len());
            operations[index] = byte;
        }
        match apply(&mut copy, &operations) {
            Err(_) => prop_assert_eq!(&snapshot(&copy), &unchanged),
            Ok(()) => {
                let mut shadow = rich(&before).shadow();
                let again = diff(&mut copy, &mut shadow);
                let mut other = rich(&before);
                prop_assert_eq!(apply(&mut other, &again), Ok(()));
                prop_assert_eq!(snapshot(&other), snapshot(&copy));
            }
        }
    }

    #[test]
    fn any_bytes_change_nothing_or_lead_to_a_sound_state(operations in vec(any::<u8>(), 0..64)) {
        let mut copy = rich(&[200; 300]);
        let unchanged = snapshot(&copy);
        if apply(&mut copy, &operations).is_err() {
            prop_assert_eq!(snapshot(&copy), unchanged);
        }
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
