//! Whatever both applications do, in whatever order, over whatever transport.

mod support;

use proptest::{collection::vec, prelude::*};
use support::*;

proptest! {
    #![proptest_config(cases(250))]

    /// What holds is looked at after every operation and every step: see `support::Ledger`.
    #[test]
    fn whatever_two_applications_do_each_gets_what_it_is_owed(
        setup in setup(),
        connections in vec(vec(act(), 0..50), 1..4),
    ) {
        let mut run = Run::new(setup);
        for acts in connections {
            acts.iter().for_each(|act| run.apply(act));
            run.settle();
            run.reconnect();
        }
        run.exercise();
    }
}
