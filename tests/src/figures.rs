//! A few measurements of one thing: their median and their range, never one of them alone.

/// Measurements in the order they were taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(pub Vec<f64>);

impl Figures {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one, or the mean of the two in the middle; NaN where nothing was measured.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match (sorted.len(), sorted.len() / 2) {
            (0, _) => f64::NAN,
            (n, middle) if n % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            (_, middle) => sorted[middle],
        }
    }

    /// The smallest and the largest.
    pub fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN))
    }

    /// Each measurement by that of the same round, so that noise which hits a whole round cancels.
    pub fn by(&self, other: &Figures) -> Figures {
        Figures(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        for (values, median, range) in [
            (vec![3.0, 1.0, 2.0], 2.0, (1.0, 3.0)),
            (vec![4.0, 1.0, 2.0, 3.0], 2.5, (1.0, 4.0)),
            (vec![7.0], 7.0, (7.0, 7.0)),
        ] {
            let figures = Figures(values);
            assert_eq!((figures.median(), figures.range()), (median, range));
        }
        assert!(Figures::default().median().is_nan());
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let (ours, theirs) = (Figures(vec![10.0, 40.0, 9.0]), Figures(vec![5.0, 20.0, 3.0]));
        assert_eq!(ours.by(&theirs), Figures(vec![2.0, 2.0, 3.0]));
    }
}
