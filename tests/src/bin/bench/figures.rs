//! What was measured, and the medians, quantiles and ratios of it.

use crate::driver::Measured;

/// The calls of one subject, in the order of the rounds.
#[derive(Debug, Default)]
pub struct Samples {
    measured: Vec<Measured>,
}

impl Samples {
    pub fn add(&mut self, measured: Measured) {
        self.measured.push(measured);
    }

    /// The median, in µs.
    pub fn microseconds(&self) -> f64 {
        median(self.times())
    }

    /// The median of how far the peak memory rose, in KiB.
    pub fn peak_kib(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "KiB of one process")]
        median(self.measured.iter().map(|one| one.peak_kib as f64))
    }

    /// The median of what each call took beyond the other one of its round, in µs.
    pub fn over(&self, other: &Self) -> f64 {
        median(self.pairs(other).map(|(ours, other)| ours - other))
    }

    /// The median of the ratios of the rounds.
    pub fn ratio(&self, other: &Self) -> f64 {
        median(self.pairs(other).map(|(ours, other)| ours / other))
    }

    /// How many got this PAM code.
    pub fn with_code(&self, code: i32) -> usize {
        self.measured.iter().filter(|one| one.code == code).count()
    }

    pub fn len(&self) -> usize {
        self.measured.len()
    }

    /// The time that this share of the calls took at most, in µs.
    pub fn quantile(&self, share: f64) -> f64 {
        let times = sorted(self.times());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index of a list that is in memory"
        )]
        let at = (share * (times.len() - 1) as f64).ceil() as usize;
        times[at]
    }

    fn times(&self) -> impl Iterator<Item = f64> {
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one login")]
        self.measured
            .iter()
            .map(|one| one.nanoseconds as f64 / 1000.0)
    }

    fn pairs(&self, other: &Self) -> impl Iterator<Item = (f64, f64)> {
        self.times().zip(other.times())
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let values = sorted(values);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(microseconds: &[u64]) -> Samples {
        let mut samples = Samples::default();
        for one in microseconds {
            samples.add(Measured {
                code: 0,
                nanoseconds: one * 1000,
                peak_kib: 0,
            });
        }
        samples
    }

    #[track_caller]
    fn is(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value}, not {expected}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        is(samples(&[3, 1, 2]).microseconds(), 2.0);
        is(samples(&[4, 1, 2, 3]).microseconds(), 2.5);
    }

    #[test]
    fn a_ratio_is_taken_of_the_pairs_of_a_round() {
        is(samples(&[1, 20, 9]).ratio(&samples(&[2, 10, 9])), 1.0);
    }

    #[test]
    fn a_quantile_is_a_time_that_was_measured() {
        let hundred: Vec<_> = (1..=101).collect();
        is(samples(&hundred).quantile(0.95), 96.0);
        is(samples(&hundred).quantile(1.0), 101.0);
        is(samples(&[7]).quantile(0.95), 7.0);
    }
}
