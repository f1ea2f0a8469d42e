//! StatsD lines: whatever applications send.

use weir_sample::{Series, Timestamp, Value, Window};
use weir_statsd::{Aggregator, AggregatorConfig, parse};

/// Parses, aggregates, closes: no line is lost without a word, and what comes out is legal.
pub fn run(data: &[u8]) {
    let (mut taken, mut refused) = (0u64, 0u64);
    parse(data, |item| match item {
        Ok(_) => taken += 1,
        Err(_) => refused += 1,
    });
    // A line holds one item or several, each behind a colon of its own.
    let most = data.iter().filter(|byte| matches!(byte, b'\n' | b':')).count() as u64 + 1;
    assert!(taken + refused <= most, "{taken} taken and {refused} refused of at most {most}");
    let mut aggregator =
        Aggregator::new(AggregatorConfig { host: Some("web-1".into()), ..AggregatorConfig::default() });
    aggregator.receive(data, |_| {});
    let points = aggregator.close(Window::ending(Timestamp(1_800_000_000_000), 10_000));
    assert!(points.len() as u64 <= taken + 2 * u64::from(taken > 0), "{} points of {taken} lines", points.len());
    for (series, value) in points {
        assert_eq!(Series::from_key(series.key()).as_ref(), Some(&series));
        if let Value::Counter(number) = value {
            assert!(number.is_finite(), "{series} = {number}");
        }
    }
}

/// Lines of every dialect.
pub fn seeds() -> Vec<Vec<u8>> {
    let lines: [&[u8]; 12] = [
        b"jobs.done:1|c",
        b"jobs.done:2.5|c|@0.1|#env:prod,host:a",
        b"temperature:-4|g\ntemperature:+1|g",
        b"latency:12:15:18|ms|@0.5",
        b"latency,route=/a,method=GET:12|h",
        b"users:alice|s|#a:b",
        b"dist:1e3|d|T1700000000",
        b"a;tag1=x;tag2=y:1|c",
        b"m:3|m\r\n\n",
        b"_e{5,4}:title|text|d:1700000000|h:web|p:low|t:error|#a:b",
        b"_sc|disk|2|d:1700000000|h:web|#a|m:full",
        b"bad line\nx:one|c\nx:1|zz\nx:1|c|@7\nok:1|c|c:ci-1234",
    ];
    lines.iter().map(|line| line.to_vec()).collect()
}
