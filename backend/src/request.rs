//! Series on their way: what one request is made of, and where requests are cut.

use weir_sample::{Histogram, Kind, Series};
use weir_store::Column;

use crate::config::BackendConfig;

/// One series and its samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub series: Series,
    pub kind: Kind,
    pub times: Vec<i64>,
    pub values: Column,
}

impl Item {
    /// Its floats by time; none of histograms.
    pub(crate) fn floats(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let values: &[f64] = if let Column::Floats(values) = &self.values { values } else { &[] };
        self.times.iter().copied().zip(values.iter().copied())
    }

    /// Its histograms by time; none of floats.
    pub(crate) fn histograms(&self) -> impl Iterator<Item = (i64, &Histogram)> + '_ {
        let values: &[Histogram] = if let Column::Histograms(values) = &self.values { values } else { &[] };
        self.times.iter().copied().zip(values)
    }

    fn split_off(&mut self, at: usize) -> Self {
        let values = match &mut self.values {
            Column::Floats(values) => Column::Floats(values.split_off(at)),
            Column::Histograms(values) => Column::Histograms(values.split_off(at)),
        };
        Self { times: self.times.split_off(at), values, series: self.series.clone(), kind: self.kind }
    }
}

/// What goes out at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    /// The tenant's number; empty where requests are of all.
    pub tenant: String,
    pub items: Vec<Item>,
}

impl Request {
    pub(crate) fn samples(&self) -> usize {
        self.items.iter().map(|item| item.times.len()).sum()
    }

    /// The same with floats alone.
    pub(crate) fn without_histograms(mut self) -> Self {
        self.items.retain(|item| matches!(item.values, Column::Floats(_)));
        self
    }

    /// Two halves, by samples; `None` for a single sample.
    pub(crate) fn halves(self) -> Result<(Self, Self), Self> {
        let Self { tenant, mut items } = self;
        if items.len() > 1 {
            let second = items.split_off(items.len() / 2);
            return Ok((Self { tenant: tenant.clone(), items }, Self { tenant, items: second }));
        }
        match items.pop() {
            Some(mut item) if item.times.len() > 1 => {
                let second = item.split_off(item.times.len() / 2);
                Ok((Self { tenant: tenant.clone(), items: vec![item] }, Self { tenant, items: vec![second] }))
            }
            item => Err(Self { tenant, items: item.into_iter().collect() }),
        }
    }
}

/// Cuts series, as they come, into requests: the same series in the same order make the same requests.
pub(crate) struct Cutter {
    splits_tenants: bool,
    zero: String,
    most: usize,
    open: Vec<Request>,
}

impl Cutter {
    pub(crate) fn new(config: &BackendConfig) -> Self {
        let (splits_tenants, zero) = (config.splits_tenants(), config.tenants.zero.clone());
        Self { splits_tenants, zero, most: config.batch.max(1), open: Vec::new() }
    }

    /// Adds a series; the request that is full with it.
    pub(crate) fn add(&mut self, mut item: Item) -> Option<Request> {
        let mut tenant = String::new();
        if self.splits_tenants {
            tenant = item.series.label(LABEL).unwrap_or(&self.zero).to_owned();
            item.series = item.series.with_label(LABEL, "");
        }
        let at = self.open.iter().position(|request| request.tenant == tenant).unwrap_or_else(|| {
            self.open.push(Request { tenant, items: Vec::new() });
            self.open.len() - 1
        });
        let request = &mut self.open[at];
        request.items.push(item);
        // Items are a few samples each, so that a request is over by little.
        let full = request.samples_at_least(self.most);
        full.then(|| self.open.swap_remove(at))
    }

    /// What is left.
    pub(crate) fn finish(self) -> Vec<Request> {
        self.open
    }
}

impl Request {
    fn samples_at_least(&self, most: usize) -> bool {
        // Most series have as many as the last.
        let last = self.items.last().map_or(1, |item| item.times.len().max(1));
        self.items.len() * last >= most && self.samples() >= most
    }
}

/// The label that says whose a series is.
const LABEL: &str = "tenant";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn item(name: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Item {
        let (times, values) = samples.iter().copied().unzip();
        let values = Column::Floats(values);
        Item { series: Series::new(name, labels.iter().copied()), kind: Kind::Gauge, times, values }
    }

    #[test]
    fn a_request_is_halved_down_to_single_samples() {
        let items = vec![item("a", &[], &[(1, 1.0), (2, 2.0), (3, 3.0)]), item("b", &[], &[(1, 1.0)])];
        let all = Request { tenant: "7".into(), items };
        let (mut open, mut single) = (vec![all.clone()], Vec::new());
        while let Some(request) = open.pop() {
            match request.halves() {
                Ok((first, second)) => open.extend([second, first]),
                Err(one) => single.push(one),
            }
        }
        assert_eq!(single.len(), all.samples());
        assert!(single.iter().all(|one| one.samples() == 1 && one.tenant == "7"));
        assert_eq!(single[2].items[0].times, [3]);
    }

    #[test]
    fn requests_are_cut_by_samples_and_of_one_tenant_where_that_is_asked_for() {
        let mut cutter = Cutter { splits_tenants: true, zero: "0".into(), most: 3, open: Vec::new() };
        let mut full = Vec::new();
        for (name, tenant) in [("a", ""), ("b", "5"), ("c", ""), ("d", "5")] {
            full.extend(cutter.add(item(name, &[("tenant", tenant)], &[(1, 1.0), (2, 1.0)])));
        }
        assert_eq!(full.iter().map(|request| request.tenant.as_str()).collect::<Vec<_>>(), ["0", "5"]);
        assert!(full.iter().all(|request| request.samples() == 4));
        assert_eq!(full[1].items[0].series.label("tenant"), None);
        assert!(cutter.finish().is_empty());
    }
}
