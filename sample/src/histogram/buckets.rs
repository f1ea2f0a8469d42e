//! Buckets of one sign: neighbours with their weights, dense from the first.

use super::scale::coarser;

/// The most from the first to the last. At scale −1 all floats are in fewer.
pub(super) const MAX_BUCKETS: usize = 2_048;

#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    first: i32,
    weights: Vec<f64>,
}

impl Buckets {
    /// Puts back what [`Buckets::filled`] gave, in rising order; `None` if it is not that.
    pub(super) fn of(pairs: &[(i32, f64)]) -> Option<Self> {
        let Some((&(first, _), &(last, _))) = pairs.first().zip(pairs.last()) else { return Some(Self::default()) };
        if last.checked_sub(first).is_none_or(|span| !(0..MAX_BUCKETS as i32).contains(&span)) {
            return None;
        }
        let mut weights = vec![0.0; (last - first + 1) as usize];
        let mut next = first;
        for &(index, weight) in pairs {
            if index < next || index > last || !weight.is_finite() || weight <= 0.0 {
                return None;
            }
            weights[(index - first) as usize] = weight;
            next = index + 1;
        }
        Some(Self { first, weights })
    }

    /// The first and the last with a weight.
    pub(super) fn range(&self) -> Option<(i32, i32)> {
        let mut filled = self.filled().map(|(index, _)| index);
        let first = filled.next()?;
        Some((first, filled.next_back().unwrap_or(first)))
    }

    /// Whether there is room for these as well.
    pub(super) fn has_room(&self, low: i32, high: i32) -> bool {
        let (low, high) = self.range().map_or((low, high), |(first, last)| (low.min(first), high.max(last)));
        i64::from(high) - i64::from(low) < MAX_BUCKETS as i64
    }

    /// There must be room.
    pub(super) fn add(&mut self, index: i32, weight: f64) {
        if self.weights.is_empty() {
            self.first = index;
        }
        if index < self.first {
            self.trim();
            let missing = (self.first - index) as usize;
            self.weights.splice(0..0, std::iter::repeat_n(0.0, missing));
            self.first = index;
        }
        let at = (index - self.first) as usize;
        if at >= self.weights.len() {
            self.weights.resize(at + 1, 0.0);
        }
        self.weights[at] += weight;
    }

    /// Forgets empty ones at the end.
    fn trim(&mut self) {
        while self.weights.last() == Some(&0.0) {
            self.weights.pop();
        }
    }

    /// Adds those of another, `by` scales down. There must be room.
    pub(super) fn add_all(&mut self, other: &Self, by: u32) {
        let Some((low, high)) = other.range() else { return };
        // Room is made once, below and above.
        self.add(coarser(low, by), 0.0);
        self.add(coarser(high, by), 0.0);
        let weights = &other.weights[(low - other.first) as usize..=(high - other.first) as usize];
        if by == 0 {
            let own = &mut self.weights[(low - self.first) as usize..];
            return own.iter_mut().zip(weights).for_each(|(own, weight)| *own += weight);
        }
        for (index, weight) in (low..).zip(weights) {
            self.weights[(coarser(index, by) - self.first) as usize] += weight;
        }
    }

    /// Adds those of another so many times. There must be room.
    pub(super) fn add_times(&mut self, other: &Self, times: f64) {
        let Some((low, high)) = other.range() else { return };
        self.add(low, 0.0);
        self.add(high, 0.0);
        for (index, weight) in other.filled() {
            self.weights[(index - self.first) as usize] += times * weight;
        }
    }

    /// Adds those of another by a function of its own and beside it another's bucket, which has room for the same. There must
    /// be room.
    pub(super) fn add_each(&mut self, beside: &mut Self, other: &Self, add: impl Fn(&mut f64, &mut f64, f64)) {
        let Some((low, high)) = other.range() else { return };
        for buckets in [&mut *self, &mut *beside] {
            buckets.add(low, 0.0);
            buckets.add(high, 0.0);
        }
        for (index, weight) in other.filled() {
            let (at, at_beside) = ((index - self.first) as usize, (index - beside.first) as usize);
            add(&mut self.weights[at], &mut beside.weights[at_beside], weight);
        }
    }

    /// The weight of one.
    pub(super) fn at(&self, index: i32) -> f64 {
        let at = index.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.weights.get(at)).copied().unwrap_or(0.0)
    }

    /// Puts another weight in the place of one that is filled.
    pub(super) fn set(&mut self, index: i32, weight: f64) {
        let more = weight - self.at(index);
        self.add(index, more);
        if weight == 0.0
            && let Some(slot) = self.weights.get_mut((index - self.first) as usize)
        {
            *slot = 0.0;
        }
    }

    /// Whether one that was filled before has less now, or nothing.
    pub(super) fn is_below(&self, before: &Self) -> bool {
        before.filled().any(|(index, weight)| self.at(index) < weight || self.at(index) == 0.0)
    }

    pub(super) fn coarsen(&mut self, by: u32) {
        let mut coarse = Self::default();
        coarse.add_all(self, by);
        *self = coarse;
    }

    pub(super) fn change(&mut self, change: impl Fn(f64) -> f64) {
        self.weights.iter_mut().filter(|weight| **weight != 0.0).for_each(|weight| *weight = change(*weight));
    }

    /// Takes those up to an index out: their weight, and the last of them.
    pub(super) fn take_to(&mut self, index: i32) -> (f64, Option<i32>) {
        let taken: Vec<_> = self.filled().take_while(|(at, _)| *at <= index).collect();
        let rest: Vec<_> = self.filled().skip(taken.len()).collect();
        *self = Self::default();
        rest.into_iter().for_each(|(at, weight)| self.add(at, weight));
        (taken.iter().map(|(_, weight)| weight).sum(), taken.last().map(|(at, _)| *at))
    }

    /// The lower and the upper half of those that are filled.
    pub(super) fn split(&self) -> Option<(Self, Self)> {
        let filled: Vec<_> = self.filled().collect();
        if filled.len() < 2 {
            return None;
        }
        let (low, high) = filled.split_at(filled.len() / 2);
        Some((Self::of(low)?, Self::of(high)?))
    }

    /// Those with a weight, in rising order.
    pub(super) fn filled(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> + '_ {
        let all = self.weights.iter().enumerate().map(|(at, &weight)| (self.first + at as i32, weight));
        all.filter(|(_, weight)| *weight != 0.0)
    }

    pub(super) fn total(&self) -> f64 {
        self.weights.iter().sum()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.weights.capacity() * size_of::<f64>()
    }
}

/// Equal when the same buckets have the same weights.
impl PartialEq for Buckets {
    fn eq(&self, other: &Self) -> bool {
        self.filled().eq(other.filled())
    }
}
