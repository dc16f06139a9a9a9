//! Medians, and how sure they are.

use statrs::distribution::{Binomial, DiscreteCDF};

/// How sure an interval is to be that it holds the median.
const CONFIDENCE: f64 = 0.95;

/// The median of some rounds, and an interval that holds the median of all rounds that could have been.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Estimate {
    /// `None` of no values.
    ///
    /// The interval is between two of the values, equally far from either end: the narrowest that holds the median with 95 %
    /// at least, whatever the values' distribution, as the number of values below the median is binomial. There is none of
    /// less than 6 values; it is then from the least to the largest, and holds the median with less.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let outside = outside(values.len());
        Some(Self {
            low: values[outside],
            median: (values[last / 2] + values[last - last / 2]) / 2.0,
            high: values[last - outside],
        })
    }
}

/// How many values at either end an interval leaves out.
fn outside(values: usize) -> usize {
    let below = Binomial::new(0.5, values as u64).expect("a half is a probability");
    // The median is below the value at an index if no more values than the index are below the median.
    let misses = |outside: usize| 2.0 * below.cdf(outside as u64);
    (1..values / 2)
        .take_while(|&outside| misses(outside) <= 1.0 - CONFIDENCE)
        .last()
        .unwrap_or(0)
}

/// How sure an interval of so many values is.
pub fn confidence(values: usize) -> f64 {
    let below = Binomial::new(0.5, values as u64).expect("a half is a probability");
    (1.0 - 2.0 * below.cdf(outside(values) as u64)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(values: impl IntoIterator<Item = u32>) -> Estimate {
        Estimate::of(values.into_iter().map(f64::from)).unwrap()
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(Estimate::of([]), None);
    }

    #[test]
    fn one_value_is_all_there_is() {
        let Estimate { low, median, high } = estimate([3]);
        assert_eq!((low, median, high), (3.0, 3.0, 3.0));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        assert_eq!(estimate([4, 1, 2, 3]).median, 2.5);
    }

    /// As tables of the sign test have it: of 9 values the second to the eighth, with 96.1 %; of 15 the fourth to the twelfth.
    #[test]
    fn intervals_are_those_of_the_sign_test() {
        let nine = estimate((1..=9).rev());
        assert_eq!((nine.low, nine.median, nine.high), (2.0, 5.0, 8.0));
        assert!((confidence(9) - 0.961).abs() < 0.001);
        let fifteen = estimate(1..=15);
        assert_eq!((fifteen.low, fifteen.high), (4.0, 12.0));
    }

    #[test]
    fn few_values_give_all_of_their_range() {
        let five = estimate([5, 1, 4, 2, 3]);
        assert_eq!((five.low, five.high), (1.0, 5.0));
        assert!(confidence(5) < CONFIDENCE && confidence(6) > CONFIDENCE);
    }
}
