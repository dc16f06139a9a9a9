//! Frames and messages, whatever they say.

mod support;

use std::collections::BTreeSet;

use bytes::Bytes;
use hardlight_proto::*;
use proptest::{
    collection::vec, prelude::*, sample::Index, strategy::ValueTree, test_runner::TestRunner,
};
use support::{batch, cases, damage, frame, ignored, message};

fn decode(bytes: &[u8]) -> Result<Option<Frame>, ProtocolError> {
    Frame::decode(Bytes::copy_from_slice(bytes))
}

fn read(message: Bytes) -> Vec<Result<Frame, ProtocolError>> {
    Frames::new(message).collect()
}

#[test]
fn frames_of_every_kind_are_tried() {
    let mut runner = TestRunner::deterministic();
    let frames = (0..2000).map(|_| {
        let tree = frame().new_tree(&mut runner).expect("nothing is rejected");
        tree.current().name()
    });
    assert_eq!(frames.collect::<BTreeSet<_>>().len(), 20);
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn what_was_encoded_decodes_to_the_same(frame in frame()) {
        let bytes = message(&frame);
        prop_assert_eq!(bytes.len(), frame.encoded_len());
        prop_assert_eq!(Frame::decode(bytes), Ok(Some(frame)));
    }

    #[test]
    fn a_frame_cut_short_is_refused_or_a_shorter_frame(frame in frame()) {
        let bytes = message(&frame);
        for end in 0..bytes.len() {
            if let Ok(Some(cut)) = decode(&bytes[..end]) {
                prop_assert_eq!(message(&cut), &bytes[..end]);
            }
        }
    }

    #[test]
    fn a_frame_with_a_byte_changed_is_refused_or_another_frame(
        frame in frame(),
        place in any::<Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = message(&frame).to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(Some(other)) = decode(&bytes)
            && !matches!(other, Frame::Hello(_))
        {
            prop_assert_eq!(message(&other), bytes);
        }
    }

    #[test]
    fn one_meaning_has_one_encoding(bytes in vec(0..24_u8, 0..40)) {
        if let Ok(Some(frame)) = decode(&bytes) {
            // What an unknown section of a Hello says is not kept.
            if !matches!(frame, Frame::Hello(_)) {
                prop_assert_eq!(message(&frame), bytes);
            }
        }
    }

    #[test]
    fn whatever_comes_is_read_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Frames::new(bytes.into()).count() <= 200);
    }

    #[test]
    fn a_hello_that_was_read_is_written_as_one_that_reads_the_same(bytes in vec(0..12_u8, 0..40)) {
        // Written without the sections that are not known.
        if let Ok(Some(hello)) = decode(&[&[0x01, 0x01], &bytes[..]].concat()) {
            prop_assert_eq!(Frame::decode(message(&hello)), Ok(Some(hello)));
        }
    }
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn a_batch_is_read_as_its_frames(frames in vec(frame(), 1..70)) {
        let encoded: Vec<_> = frames.iter().map(message).collect();
        let frames: Vec<_> = frames.into_iter().map(Ok).collect();
        prop_assert_eq!(read(batch(&encoded)), frames);
    }

    #[test]
    fn what_may_be_ignored_is_left_out_wherever_it_stands(
        frames in vec(frame(), 0..9),
        ignored in vec((any::<Index>(), ignored()), 1..9),
    ) {
        let mut encoded: Vec<_> = frames.iter().map(message).collect();
        for (place, frame) in ignored {
            encoded.insert(place.index(encoded.len() + 1), frame);
        }
        let frames: Vec<_> = frames.into_iter().map(Ok).collect();
        prop_assert_eq!(read(batch(&encoded)), frames);
    }

    #[test]
    fn a_damaged_batch_is_read_up_to_the_damage_and_not_behind_an_error(
        frames in vec(frame(), 2..20),
        damages in vec(damage(), 1..4),
    ) {
        let encoded: Vec<_> = frames.iter().map(message).collect();
        let mut bytes = batch(&encoded).to_vec();
        let first = damages.into_iter().map(|damage| damage.apply(&mut bytes)).min();
        let first = first.expect("there is some damage");
        let read = read(bytes.clone().into());
        // Whole frames, with their lengths, before it. Only the first is refused if it is all that is left of a batch.
        let mut end = 1;
        let ends = encoded.iter().map(|frame| {
            end += batch(&[frame.clone(), Bytes::new()]).len() - 2;
            end
        });
        let whole = ends.take_while(|end| *end <= first).count();
        let lone = whole == 1 && read == [Err(ProtocolError::InvalidBatch)];
        for (frame, read) in frames.into_iter().zip(&read).take(whole) {
            prop_assert!(lone || *read == Ok(frame));
        }
        prop_assert!(lone || read.len() >= whole);
        let errors = read.iter().filter(|read| read.is_err()).count();
        prop_assert!(errors == usize::from(read.last().is_some_and(Result::is_err)));
        prop_assert!(read.len() <= bytes.len().max(1));
    }

    #[test]
    fn what_is_read_without_an_error_is_written_as_it_was(bytes in vec(0..24_u8, 1..60)) {
        let message: Bytes = [&[0], &bytes[..]].concat().into();
        let read: Result<Vec<_>, _> = Frames::new(message.clone()).collect();
        if let Ok(frames) = read
            && !frames.iter().any(|frame| matches!(frame, Frame::Hello(_)))
        {
            let encoded: Vec<_> = frames.iter().map(support::message).collect();
            prop_assert_eq!(batch(&encoded), message);
        }
    }
}
