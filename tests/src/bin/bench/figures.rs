//! Medians, ratios and the lines that say them.

use std::fmt;

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

    fn microseconds(&self) -> f64 {
        median(self.times()) / 1000.0
    }

    fn peak_kib(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "KiB of one process")]
        median(self.measured.iter().map(|one| one.peak_kib as f64))
    }

    fn times(&self) -> impl Iterator<Item = f64> {
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one login")]
        self.measured.iter().map(|one| one.nanoseconds as f64)
    }
}

/// A line of the table.
#[derive(Debug)]
pub struct Row {
    name: &'static str,
    ours: f64,
    theirs: f64,
    ratio: Option<f64>,
    aim: Option<f64>,
}

impl Row {
    pub const HEADING: &str =
        "                                               nightlatch     other    ratio      aim";

    /// Our time as a share of theirs.
    pub fn ratio(name: &'static str, ours: &Samples, theirs: &Samples, aim: f64) -> Self {
        let pairs = ours.times().zip(theirs.times());
        Self {
            ratio: Some(median(pairs.map(|(ours, theirs)| ours / theirs))),
            aim: Some(aim),
            ..Self::plain(name, ours, theirs)
        }
    }

    /// Both times, of things too different for a ratio.
    pub fn plain(name: &'static str, ours: &Samples, theirs: &Samples) -> Self {
        Self {
            name,
            ours: ours.microseconds(),
            theirs: theirs.microseconds(),
            ratio: None,
            aim: None,
        }
    }

    /// What we take beyond `libpam`'s own time, as a share of a floor that nobody gets below.
    pub fn over_floor(
        name: &'static str,
        ours: &Samples,
        libpam: &Samples,
        floor: &Samples,
        aim: f64,
    ) -> Self {
        let over = ours
            .times()
            .zip(libpam.times())
            .map(|(ours, libpam)| ours - libpam);
        Self {
            name,
            ours: median(over) / 1000.0,
            theirs: floor.microseconds(),
            ratio: Some((ours.microseconds() - libpam.microseconds()) / floor.microseconds()),
            aim: Some(aim),
        }
    }

    /// Peak memory beyond what libpam takes itself; the aim is in KiB and ours to keep, not a ratio.
    pub fn memory(
        name: &'static str,
        ours: &Samples,
        theirs: &Samples,
        libpam: &Samples,
        aim: u32,
    ) -> Self {
        Self {
            name,
            ours: ours.peak_kib() - libpam.peak_kib(),
            theirs: theirs.peak_kib() - libpam.peak_kib(),
            ratio: None,
            aim: Some(f64::from(aim)),
        }
    }

    fn reached(&self) -> Option<bool> {
        Some(self.ratio.unwrap_or(self.ours) <= self.aim?)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<45} {:>11.0} {:>9.0}",
            self.name, self.ours, self.theirs
        )?;
        match self.ratio {
            Some(ratio) => write!(f, " {ratio:>8.2}")?,
            None => write!(f, " {:>8}", "")?,
        }
        match (self.aim, self.reached()) {
            (Some(aim), Some(true)) => write!(f, " {aim:>8}  reached"),
            (Some(aim), Some(false)) => write!(f, " {aim:>8}  MISSED"),
            _ => Ok(()),
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < f64::EPSILON);
    }
}
