//! Operations on the fields of a state.

use hardlight_macros::ConnectionState;
use hardlight_proto::{
    ConnectionState as _, DecodeError, ProtocolError, StateError, StateOperation, StateOperations,
    StateWriter,
};

use super::{apply, diff, hex, snapshot};

#[derive(ConnectionState, Debug, PartialEq)]
struct Account {
    credit: u32,
    #[state(default = "nobody".into())]
    name: String,
    tags: Vec<u8>,
}

fn account() -> Account {
    Account { credit: 7, name: "somebody".into(), tags: vec![1] }
}

/// The error, after which the state is as it was.
#[track_caller]
fn refused(operations: &str) -> StateError {
    let mut state = account();
    let error = apply(&mut state, &hex(operations)).expect_err("it is refused");
    assert_eq!(state, account());
    error
}

#[test]
fn a_snapshot_sets_every_field() {
    let operations = snapshot(&account());
    let set = |operation: &_| matches!(operation, Ok(StateOperation::Set { .. }));
    assert_eq!(StateOperations::new(&operations).filter(set).count(), 3);
    let mut copy = Account::initial();
    assert_eq!(apply(&mut copy, &operations), Ok(()));
    assert_eq!(copy, account());
}

#[test]
fn operations_are_read_one_by_one() {
    let bytes = hex("00 01 07  05 02 aabb  0a 00  93 01 00");
    let mut operations = StateOperations::new(&bytes);
    assert_eq!(operations.next(), Some(Ok(StateOperation::Set { field: 0, value: &[7] })));
    let patch = StateOperation::Patch { field: 1, patch: &[0xaa, 0xbb] };
    assert_eq!(operations.next(), Some(Ok(patch)));
    assert_eq!(operations.next(), Some(Ok(StateOperation::Reset { field: 2 })));
    assert_eq!(operations.next(), Some(Err(StateError::UnknownKind { field: 36, kind: 3 })));
    assert_eq!(operations.next(), None);
}

#[test]
fn a_field_goes_back_to_its_default() {
    let mut state = account();
    assert_eq!(apply(&mut state, &hex("02 00 06 00")), Ok(()));
    assert_eq!(state, Account { tags: vec![1], ..Account::initial() });
}

#[test]
fn a_default_has_no_body() {
    assert_eq!(refused("02 01 00"), ProtocolError::TrailingBytes.into());
}

#[test]
fn fields_ascend() {
    assert_eq!(refused("02 00 02 00"), StateError::NotAscending { field: 0 });
    assert_eq!(refused("06 00 00 04 01000000"), StateError::NotAscending { field: 0 });
}

#[test]
fn a_kind_that_is_not_known_is_refused_even_of_a_field_that_is_not_known() {
    assert_eq!(refused("02 00 03 00"), StateError::NotAscending { field: 0 });
    assert_eq!(refused("02 00 93 01 00"), StateError::UnknownKind { field: 36, kind: 3 });
}

#[test]
fn a_field_that_is_not_known_is_skipped() {
    let mut state = account();
    assert_eq!(apply(&mut state, &hex("00 04 05000000  31 03 aabbcc  36 00")), Ok(()));
    assert_eq!(state, Account { credit: 5, ..account() });
}

#[test]
fn what_came_before_an_error_is_not_applied() {
    assert_eq!(
        refused("00 04 05000000  04 08 fefefefe fefefefe"),
        StateError::Value { field: 1, error: DecodeError::Malformed }
    );
    assert!(matches!(
        refused("00 04 05000000  05 03 09 00 00"),
        StateError::Patch { field: 1, .. }
    ));
    assert!(matches!(refused("05 04 00 00 01 62  09 00"), StateError::Patch { field: 2, .. }));
    assert_eq!(refused("02 00 05"), ProtocolError::Truncated.into());
}

#[test]
fn a_field_beyond_32_bits_is_refused() {
    assert_eq!(refused("80 80 80 80 40 00"), ProtocolError::InvalidVarint.into());
}

#[test]
fn a_field_is_left_out_of_snapshots_and_differences() {
    let without_name = || {
        let mut out = StateWriter::new();
        out.leave_out(1);
        out
    };
    let mut out = without_name();
    account().snapshot(&mut out).unwrap();
    let fields: Vec<_> =
        StateOperations::new(&out.finish()).map(|operation| operation.unwrap().field()).collect();
    assert_eq!(fields, [0, 2]);

    let mut shadow = account().shadow();
    let mut out = without_name();
    let mut changed = Account { credit: 8, name: "anybody".into(), ..account() };
    changed.diff(&mut shadow, &mut out).unwrap();
    assert_eq!(out.finish(), hex("00 04 08000000"));
}

#[test]
fn a_field_is_reset_and_sent_whole_again() {
    let mut state = account();
    let (mut shadow, mut copy) = (state.shadow(), account());
    let mut out = StateWriter::new();
    out.reset(1);
    state.diff(&mut shadow, &mut out).unwrap();
    let operations = out.finish();
    assert_eq!(operations, hex("06 00"));
    assert_eq!(apply(&mut copy, &operations), Ok(()));
    assert_eq!(copy.name, "nobody");

    let mut out = StateWriter::new();
    out.send_whole(1);
    state.diff(&mut shadow, &mut out).unwrap();
    let operations = out.finish();
    assert_eq!(operations, hex("04 08 736f6d65 626f6479"));
    assert_eq!(apply(&mut copy, &operations), Ok(()));
    assert_eq!(copy, account());
    assert_eq!(diff(&mut state, &mut shadow), []);
}

#[test]
fn a_field_that_changed_while_it_was_left_out_is_sent_whole() {
    let mut state = account();
    let mut shadow = state.shadow();
    state.name = "anybody".into();
    let mut out = StateWriter::new();
    out.leave_out(1);
    state.diff(&mut shadow, &mut out).unwrap();
    assert!(out.is_empty());
    let mut out = StateWriter::new();
    out.send_whole(1);
    state.diff(&mut shadow, &mut out).unwrap();
    assert_eq!(out.finish(), hex("04 08 616e7962 6f6479ff"));
    assert_eq!(diff(&mut state, &mut shadow), []);
}

#[derive(ConnectionState)]
#[state(reserved(1, 4))]
struct Kept {
    first: u32,
    #[state(skip)]
    secret: Option<Secret>,
    second: u32,
    #[state(skip, default = Secret(7))]
    other: Secret,
    third: u32,
}

/// Is neither codable, nor `Default`.
#[derive(Debug, PartialEq)]
struct Secret(u32);

#[test]
fn a_field_that_stays_takes_no_index_and_a_removed_one_keeps_its_own() {
    let fields: Vec<_> = Kept::schema().iter().map(|field| (field.index, field.name)).collect();
    assert_eq!(fields, [(0, "first"), (2, "second"), (3, "third")]);
}

#[test]
fn a_field_that_stays_is_in_no_message_and_is_not_changed_by_one() {
    let mut server = Kept { secret: Some(Secret(1)), ..Kept::initial() };
    let mut client = Kept::initial();
    client.other = Secret(5);
    assert_eq!(snapshot(&server), hex("00 04 00000000 08 04 00000000 0c 04 00000000"));
    let mut shadow = server.shadow();
    server.secret = Some(Secret(2));
    server.other = Secret(3);
    assert_eq!(diff(&mut server, &mut shadow), []);
    server.second = 9;
    let operations = diff(&mut server, &mut shadow);
    assert_eq!(operations, hex("08 04 09000000"));
    assert_eq!(apply(&mut client, &operations), Ok(()));
    // A DEFAULT, and what an older server has where a field was removed.
    assert_eq!(apply(&mut client, &hex("02 00 04 01 ff 0a 00")), Ok(()));
    assert_eq!((client.secret, client.other, client.second), (None, Secret(5), 0));
}

#[test]
fn a_field_that_cannot_be_encoded_writes_nothing() {
    #[derive(ConnectionState)]
    struct Deep {
        first: u32,
        nodes: Nodes,
    }
    #[hardlight_macros::codable]
    #[derive(Default)]
    struct Nodes(Vec<Self>);

    let shadow = &mut Deep::initial().shadow();
    let nodes = (0..100).fold(Nodes::default(), |nodes, _| Nodes(vec![nodes]));
    let mut out = StateWriter::new();
    Deep { first: 0, nodes }.diff(shadow, &mut out).expect_err("it is too deep");
    assert!(out.is_empty());
}
