//! Scenarios: what both applications do, once undisturbed, and then with the transport cut at every step.

use super::{Act, Cut, Run, Setup};

pub(crate) struct Scenario {
    pub(crate) setup: Setup,
    pub(crate) acts: Vec<Act>,
}

impl Scenario {
    pub(crate) fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self { setup: Setup::new(), acts: acts.into_iter().collect() }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Setup)) -> Self {
        change(&mut self.setup);
        self
    }

    /// Runs it whole: how many steps it took until nothing was under way.
    pub(crate) fn run(&self) -> usize {
        let mut run = Run::new(self.setup.clone());
        self.play(&mut run);
        let steps = run.steps;
        run.reconnect();
        run.exercise();
        steps
    }

    /// Runs it whole, and then cuts it in every way at every step. Each time the client connects again, to a connection
    /// that is cut early, and to one that is not.
    pub(crate) fn run_and_cut(&self) {
        let steps = self.run();
        for cut in Cut::ALL {
            for step in 0..steps {
                let mut run = Run::new(self.setup.clone()).cut_at(step, cut);
                self.play(&mut run);
                assert!(run.pair.client.is_ended() && run.pair.server.is_ended());
                run.reconnect();
                run = run.cut_at(step % 8, cut);
                run.drive();
                run.settle();
                run.reconnect();
                run.exercise();
            }
        }
    }

    fn play(&self, run: &mut Run) {
        self.acts.iter().for_each(|act| run.apply(act));
        run.settle();
    }
}
