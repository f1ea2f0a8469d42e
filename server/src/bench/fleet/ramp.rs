//! How many agents are at work in the course of a run.

/// Multiples of a number of agents, spread evenly over a run; in between the number changes in a straight line.
#[derive(Clone, Debug)]
pub(crate) struct Ramp {
    pub agents: u64,
    pub factors: Vec<f64>,
}

impl Ramp {
    /// Agents at work in a window: those with the numbers below this.
    pub(crate) fn agents_at(&self, window: u32, windows: u32) -> u64 {
        let steps = self.factors.len().saturating_sub(1);
        let at = f64::from(window) / f64::from(windows.saturating_sub(1).max(1)) * steps as f64;
        let (left, part) = ((at as usize).min(steps), at.fract());
        let factor = |at: usize| self.factors.get(at).or(self.factors.last()).copied().unwrap_or(1.0);
        let now = factor(left) + (factor(left + 1) - factor(left)) * part;
        (self.agents as f64 * now).round() as u64
    }

    /// The most that are at work in any window.
    pub(crate) fn most(&self, windows: u32) -> u64 {
        (0..windows).map(|window| self.agents_at(window, windows)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(factors: &[f64], windows: u32, expected: &[u64]) {
        let ramp = Ramp { agents: 10, factors: factors.to_vec() };
        let agents: Vec<u64> = (0..windows).map(|window| ramp.agents_at(window, windows)).collect();
        assert_eq!(agents, expected, "{factors:?}");
        assert_eq!(ramp.most(windows), *expected.iter().max().unwrap());
    }

    #[test]
    fn agents_come_and_go_in_straight_lines() {
        check(&[1.0], 3, &[10, 10, 10]);
        check(&[1.0, 8.0, 1.0], 3, &[10, 80, 10]);
        check(&[1.0, 8.0, 1.0], 5, &[10, 45, 80, 45, 10]);
        check(&[1.0, 2.0, 2.0, 0.5], 7, &[10, 15, 20, 20, 20, 13, 5]);
        check(&[2.0, 1.0], 1, &[20]);
    }
}
