//! Numbers for people of check-in files, who have none: the range 154 belongs to no operator.

/// The number of the n-th person of a file, counted from 1: a permutation of eight digits, so no two are equal below
/// 100 million people. E.164 without its plus.
pub fn phone_of_nth(n: u64) -> u64 {
    8_615_400_000_000 + (n.wrapping_mul(48_271).wrapping_add(11)) % 100_000_000
}

#[cfg(test)]
mod tests {
    use super::phone_of_nth;

    #[test]
    fn numbers_follow_the_rule() {
        assert_eq!(phone_of_nth(1), 8_615_400_048_282);
        assert_eq!(phone_of_nth(3_000), 8_615_444_813_011);
        let mut all: Vec<u64> = (1..=100_000).map(phone_of_nth).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 100_000);
    }
}
