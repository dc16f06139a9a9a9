//! Numbers as people read them.

use std::fmt;

use crate::stats::Estimate;

/// A number with three figures.
#[derive(Clone, Copy, Debug)]
pub struct Figure(pub f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        match size {
            999_500.0.. => write!(f, "{:.2} M", self.0 / 1e6),
            99_950.0.. => write!(f, "{:.0} k", self.0 / 1e3),
            9_995.0.. => write!(f, "{:.1} k", self.0 / 1e3),
            99.95.. => write!(f, "{:.0}", self.0),
            9.995.. => write!(f, "{:.1}", self.0),
            _ => write!(f, "{:.2}", self.0),
        }
    }
}

/// The median, and the interval.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = self;
        write!(
            f,
            "{} ({} to {})",
            Figure(*median),
            Figure(*low),
            Figure(*high)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures() {
        let numbers = [
            0.0, 0.123_4, 9.994, 9.995, 99.94, 99.95, 9_994.0, 9_995.0, 99_949.0, 123_456.0,
            999_500.0,
        ];
        let written = numbers.map(|number| Figure(number).to_string());
        let expected = [
            "0.00", "0.12", "9.99", "10.0", "99.9", "100", "9994", "10.0 k", "99.9 k", "123 k",
            "1.00 M",
        ];
        assert_eq!(written, expected);
    }
}
