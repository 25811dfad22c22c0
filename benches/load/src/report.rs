//! Medians, columns, and whether a target was met.

/// The middle of some figures; of an even number of them, the mean of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let sorted = sorted(figures);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

/// The figure that `share` of all do not exceed.
pub(crate) fn percentile(figures: &[f64], share: f64) -> f64 {
    let rank = (figures.len() as f64 * share).ceil() as usize;
    sorted(figures).get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Prints a row of a comparison: both medians, then the median of the ratios, taken pair by pair, and how far they lie apart.
pub(crate) fn compare_row(name: &str, digits: usize, left: &[f64], right: &[f64]) -> f64 {
    let ratios = left.iter().zip(right).map(|(left, right)| left / right).collect::<Vec<_>>();
    let (ratio, low, high) = (median(&ratios), percentile(&ratios, 0.0), percentile(&ratios, 1.0));
    let (left, right) = (median(left), median(right));
    println!("  {name:<18} {left:>12.digits$} {right:>12.digits$} {ratio:>8.2}   ({low:.2} … {high:.2})");
    ratio
}

/// The targets of a run, in the order in which they were judged.
#[derive(Default)]
pub(crate) struct Targets {
    rows: Vec<(bool, String)>,
}

impl Targets {
    pub(crate) fn at_least(&mut self, what: &str, got: f64, wanted: f64) {
        self.rows.push((got >= wanted, format!("{what}: {got:.2}, wanted ≥ {wanted:.2}")));
    }

    pub(crate) fn at_most(&mut self, what: &str, got: f64, wanted: f64) {
        self.rows.push((got <= wanted, format!("{what}: {got:.2}, wanted ≤ {wanted:.2}")));
    }

    pub(crate) fn equal(&mut self, what: &str, got: u64, wanted: u64) {
        self.rows.push((got == wanted, format!("{what}: {got}, wanted {wanted}")));
    }

    /// Prints them; whether all were met.
    pub(crate) fn print(&self) -> bool {
        println!("\nTargets");
        for (met, row) in &self.rows {
            println!("  {}  {row}", if *met { "met    " } else { "NOT met" });
        }
        self.rows.iter().all(|(met, _)| *met)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_of_unsorted_figures() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(percentile(&[5.0, 1.0, 4.0, 2.0, 3.0], 0.8), 4.0);
        assert_eq!(percentile(&[5.0, 1.0], 0.0), 1.0);
    }
}
