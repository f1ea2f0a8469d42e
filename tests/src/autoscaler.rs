//! How many gateways there should be, decided as a Kubernetes HorizontalPodAutoscaler does with the behaviour that
//! `deploy/kubernetes/autoscaling.yaml` gives it. Told the time, it does nothing itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How eagerly to follow.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Mean saturation that is aimed at.
    pub target: f64,
    /// The most gateways.
    pub most: usize,
    /// The highest wish within this time stands against scaling down.
    pub stabilisation: Duration,
    /// At most one gateway leaves within this time.
    pub leave_every: Duration,
}

/// The controller's memory.
#[derive(Debug)]
pub struct Autoscaler {
    policy: Policy,
    wishes: VecDeque<(Instant, usize)>,
    left: Option<Instant>,
}

/// A mean so near its target changes nothing.
const TOLERANCE: f64 = 0.1;

impl Autoscaler {
    /// One that has seen nothing yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, wishes: VecDeque::new(), left: None }
    }

    /// How many there should be, where there are `gateways` with a mean saturation of `mean`.
    pub fn desired(&mut self, now: Instant, gateways: usize, mean: f64) -> usize {
        let ratio = mean / self.policy.target;
        let wish = match (ratio - 1.0).abs() <= TOLERANCE {
            true => gateways,
            false => (gateways as f64 * ratio).ceil() as usize,
        };
        let wish = wish.clamp(1, self.policy.most);
        self.wishes.retain(|(at, _)| now - *at < self.policy.stabilisation);
        self.wishes.push_back((now, wish));
        if wish > gateways {
            return wish.min((2 * gateways).max(gateways + 2));
        }
        let highest = self.wishes.iter().map(|(_, wish)| *wish).max().unwrap_or(wish);
        let may_leave = self.left.is_none_or(|left| now - left >= self.policy.leave_every);
        if highest >= gateways || !may_leave {
            return gateways;
        }
        self.left = Some(now);
        gateways - 1
    }
}
