//! Who is measured when, so that whatever else the machine does falls on all alike.

use crate::driver::Measured;
use crate::figures::Samples;

/// Measures each of `samples`' subjects once, beginning with another one in each round.
pub fn in_turns<const N: usize>(
    round: usize,
    samples: &mut [Samples; N],
    mut measure: impl FnMut(usize) -> Measured,
) {
    for who in order(round, N) {
        samples[who].add(measure(who));
    }
}

/// The order of a round: another first one than in the round before, and, a disk not having forgotten who came last, from time to
/// time another one before each.
fn order(round: usize, count: usize) -> impl Iterator<Item = usize> {
    let strides: Vec<_> = (1..count.max(2))
        .filter(|stride| coprime(*stride, count))
        .collect();
    let stride = strides[round / count % strides.len()];
    (0..count).map(move |turn| (round + turn * stride) % count)
}

fn coprime(one: usize, other: usize) -> bool {
    (2..=one).all(|factor| !one.is_multiple_of(factor) || !other.is_multiple_of(factor))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::order;

    #[test]
    fn everybody_has_a_turn_in_each_round_and_not_always_behind_the_same() {
        let mut before_the_first = BTreeSet::new();
        for round in 0..64 {
            let order: Vec<_> = order(round, 8).collect();
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 8, "{order:?}");
            assert_eq!(order[0], round % 8);
            before_the_first.extend(order.windows(2).filter(|two| two[1] == 0).map(|two| two[0]));
        }
        assert_eq!(
            before_the_first.into_iter().collect::<Vec<_>>(),
            [1, 3, 5, 7]
        );
        assert_eq!(order(3, 2).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(order(3, 1).collect::<Vec<_>>(), [0]);
    }
}
