//! Histograms: what an agent's key holder can make a sink keep, and a damaged file the store read.

use weir_sample::Histogram;

/// What is read is written the same again, can be asked, and merges with itself and others in either order.
pub fn run(data: &[u8]) {
    let Some(read) = Histogram::decode(&mut &data[..]) else { return };
    let mut written = Vec::new();
    read.encode(&mut written);
    let mut rest = &written[..];
    let again = Histogram::decode(&mut rest).expect("just encoded");
    assert!(rest.is_empty() && again == read, "{again:?}\n{read:?}");
    for q in [0.0, 0.3, 0.9, 1.0] {
        let value = read.quantile(q);
        assert!(value.is_nan() || read.min().is_nan() || (read.min()..=read.max()).contains(&value));
    }
    let other = seed(40);
    let merged = |one: &Histogram, other: &Histogram| {
        let mut merged = one.clone();
        merged.merge(other);
        merged
    };
    let [one, turned] = [merged(&read, &other), merged(&other, &read)].map(|merged| {
        assert!(merged.buckets().is_sorted_by(|a, b| a.upper <= b.lower), "{merged:?}");
        merged.buckets().map(|bucket| (bucket.lower, bucket.upper)).collect::<Vec<_>>()
    });
    assert_eq!(one, turned);
    if let Some([mut low, high]) = read.halves() {
        low.merge(&high);
        assert!(low.buckets().eq(read.buckets()), "{low:?}\n{read:?}");
    }
}

fn seed(count: i32) -> Histogram {
    let mut histogram = Histogram::new();
    (0..count).for_each(|n| histogram.insert_weighted(1.3_f64.powi(n) - 3.0, f64::from(n % 3 + 1)));
    histogram
}

/// Few and many buckets, of whole, equal and odd weights, with what is no number.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut odd = seed(9);
    odd.insert_weighted(7.0, 1.0 / 3.0);
    odd.insert(f64::NAN);
    let mut wide = seed(3);
    wide.insert(1e300);
    wide.insert(f64::INFINITY);
    let mut equal = Histogram::new();
    (0..5).for_each(|n| equal.insert_weighted(f64::from(n), 2.5));
    [seed(0), seed(1), seed(40), odd, wide, equal]
        .map(|histogram| {
            let mut out = Vec::new();
            histogram.encode(&mut out);
            out
        })
        .into()
}
