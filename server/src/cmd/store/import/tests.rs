use super::*;
use std::ops::ControlFlow;
use weir_formats::remote_write::{Label, Sample, TimeSeries, WriteRequest};
use weir_formats::text::Writer;
use weir_query::{Column, Hint, Selection, selector};
use weir_sample::{Histogram, ResetHint};

/// A histogram of nothing, at 5 ms.
const EMPTY: [u8; 2] = [15 << 3, 5];

fn open(folder: &Path) -> Import {
    Import::open(folder, &StoreConfig::default(), Timestamp(10_000)).unwrap()
}

type Found = (Kind, Vec<i64>, Vec<u64>);

fn read(store: &Store, name: &str) -> Vec<Found> {
    let matchers = selector(name).unwrap();
    let (start, end) = (Timestamp(0), Timestamp(10_000));
    let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
    let mut found = Vec::new();
    store
        .select(&selection, &mut |data| {
            let Column::Floats(values) = data.values else { panic!("not floats") };
            found.push((data.kind, data.timestamps, values.into_iter().map(f64::to_bits).collect()));
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

fn bits<const N: usize>(values: [f64; N]) -> Vec<u64> {
    values.map(f64::to_bits).to_vec()
}

#[test]
fn imported_samples_are_there_and_the_sinks_state_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    store.checkpoint(b"here").unwrap();
    drop(store);
    let text = "# TYPE jobs_total counter\njobs_total{host=\"a\"} 5 2000\njobs_total{host=\"a\"} 3 1000\nx 1 1\n";
    let mut import = open(folder.path());
    import.text(text.as_bytes(), Form::Text, &mut |fault| panic!("{fault}")).unwrap();
    assert_eq!(import.finish().unwrap(), Done { stored: 3, ..Done::default() });
    let (store, state) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    assert_eq!(state, b"here");
    assert_eq!(read(&store, "jobs_total"), [(Kind::Counter, vec![1_000, 2_000], bits([3.0, 5.0]))]);
}

fn told(import: &mut Import, text: &[u8]) -> (Vec<String>, bool) {
    let mut told = Vec::new();
    let is_taken = import.text(text, Form::Text, &mut |fault| told.push(fault.to_string())).is_ok();
    (told, is_taken)
}

#[test]
fn a_malformed_line_is_told_and_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut import = open(folder.path());
    let text =
        b"\xef\xbb\xbfx{a=\"1\"} 1 1\n<html> 2 3\nx 1\nx{\xff=\"\"} 1 1\nx 1 99999999999999999\nx {a=\"1\"} 2 2\n";
    let (faults, is_taken) = told(&mut import, text);
    let places: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(places, ["line 2, column 1", "line 3, column 1", "line 4, column 3", "line 5, column 5"]);
    assert!(is_taken);
    assert!(!told(&mut import, b"<html>\nport 8080\n").1, "a page");
    assert!(told(&mut import, b"# nothing\n").1);
    let many = "<p>\n".repeat(30) + "x 3 3\n";
    assert_eq!(told(&mut import, many.as_bytes()).0.len(), 20);
    assert_eq!(import.finish().unwrap(), Done { stored: 3, malformed: 36, ..Done::default() });
    let (store, _) = Store::open(folder.path(), StoreConfig::default()).unwrap();
    assert_eq!(read(&store, "x{a=\"1\"}"), [(Kind::Gauge, vec![1, 2], bits([1.0, 2.0]))]);
}

#[test]
fn openmetrics_is_told_by_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    let mut import = open(&folder.path().join("store"));
    std::fs::write(&file, "# TYPE a counter\na_total 1 1 # {b=\"c\"} 1\na_created 1 1.5\n# EOF\n").unwrap();
    import.file(&file, false, &Progress::of_bytes("", 0)).unwrap();
    std::fs::write(&file, "b 5 2.177\n").unwrap();
    import.file(&file, false, &Progress::of_bytes("", 0)).unwrap();
    assert_eq!(told(&mut import, b"c 5 2.177\n").0.len(), 1, "without # EOF");
    assert_eq!(import.finish().unwrap(), Done { stored: 4, ..Done::default() });
    let (store, _) = Store::open(&folder.path().join("store"), StoreConfig::default()).unwrap();
    assert_eq!(read(&store, "a_total"), [(Kind::Counter, vec![1_000], bits([1.0]))]);
    assert_eq!(read(&store, "b"), [(Kind::Gauge, vec![2_177], bits([5.0]))]);
}

#[test]
fn a_remote_write_request_is_stored_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let sample = |timestamp, value| Sample { value, timestamp };
    let stale = weir_sample::STALE;
    let of = |name: &str, samples: Vec<Sample>, histograms| TimeSeries {
        labels: vec![label("__name__", name), label("host", "a")],
        samples,
        histograms,
    };
    let nameless = TimeSeries { labels: vec![label("a", "b")], samples: vec![sample(1, 1.0)], histograms: vec![] };
    let timeseries = vec![
        of("jobs_total", vec![sample(2_000, 5.0), sample(1_000, 3.0), sample(3_000, stale)], vec![]),
        // One that says it counted something, and nothing of what.
        of("odd", vec![], vec![vec![8, 1], EMPTY.to_vec()]),
        nameless,
    ];
    let requests = folder.path().join("requests");
    std::fs::create_dir(&requests).unwrap();
    std::fs::write(requests.join("1"), WriteRequest { timeseries, metadata: vec![] }.write()).unwrap();
    let store = folder.path().join("store");
    let mut import = open(&store);
    for path in files_of(&[requests]).unwrap() {
        import.file(&path, true, &Progress::spinning("importing")).unwrap();
    }
    assert_eq!(import.finish().unwrap(), Done { stored: 4, left_out: 2, ..Done::default() });
    let (store, _) = Store::open(&store, StoreConfig::default()).unwrap();
    let samples = (Kind::Counter, vec![1_000, 2_000, 3_000], bits([3.0, 5.0, stale]));
    assert_eq!(read(&store, "jobs_total"), [samples]);
    let matchers = selector("odd").unwrap();
    let (start, end) = (Timestamp(0), Timestamp(10_000));
    let selection = Selection { matchers: &matchers, start, end, hint: Hint::Raw, any_order: false };
    let mut histograms = Vec::new();
    let told = store.select(&selection, &mut |data| {
        histograms.push((data.timestamps, matches!(data.values, Column::Histograms(_))));
        ControlFlow::Continue(())
    });
    assert!(told.is_ok() && histograms == [(vec![5], true)], "{histograms:?}");
}

#[test]
fn what_is_too_old_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (day, year) = (86_400, 365 * 86_400);
    let config = StoreConfig::default();
    let mut import = Import::open(folder.path(), &config, Timestamp::from_secs(2 * year)).unwrap();
    for time_s in [2 * year - day, 2 * year - 8 * day, year, year - 1] {
        import.text(format!("x 1 {}", time_s * 1_000).as_bytes(), Form::Text, &mut |_| {}).unwrap();
    }
    let done = Done { stored: 3, points_only: 2, too_old: 1, ..Done::default() };
    assert_eq!(import.finish().unwrap(), done);
}

/// A store of `series` timers and of one that counts on, three samples each, and its text.
fn exported(folder: &Path, series: usize) -> (Vec<String>, Vec<u8>) {
    let (store, _) = Store::open(folder, StoreConfig::default()).unwrap();
    for host in 0..series {
        let timer = Series::new("took", [("host", format!("h{host}").as_str())]);
        let rows = store.rows(host as u128 + 1, &[(timer, Kind::Distribution)]);
        for at in 1..=3 {
            let (mut window, time) = (Histogram::new(), Timestamp(at * 1_000));
            (0..at).for_each(|more| window.insert((host + 1) as f64 * 0.37 + more as f64));
            store.append(&rows, time, Duration::from_secs(1), &[f64::NAN]).unwrap();
            store.append_histogram(&rows, 0, time, &window).unwrap();
        }
    }
    for at in 1..=3 {
        let mut total = Histogram::new();
        total.insert_weighted(-2.0, at as f64);
        let total = total.with_hint(ResetHint::Unknown);
        store.append_received(&Series::new("total", [("host", "a")]), Timestamp(at * 1_000), &total).unwrap();
        store.append_sample(&Series::new("x", [("host", "a")]), Kind::Gauge, Timestamp(at), 1.5).unwrap();
    }
    everything(&store)
}

/// What a store has, histograms by their bytes, and as text.
fn everything(store: &Store) -> (Vec<String>, Vec<u8>) {
    let (start, end) = (Timestamp(0), Timestamp(10_000));
    let selection = Selection { matchers: &[], start, end, hint: Hint::Raw, any_order: false };
    let (mut all, mut writer) = (Vec::new(), Writer::new(Vec::new()));
    let told = store.select(&selection, &mut |data| {
        all.push(format!("{} {:?} {:?}", data.series.key(), data.timestamps, data.values));
        match &data.values {
            Column::Floats(values) => writer.series(&data.series, data.kind, &data.timestamps, values).unwrap(),
            Column::Histograms(histograms) => writer.histograms(&data.series, &data.timestamps, histograms).unwrap(),
        }
        ControlFlow::Continue(())
    });
    told.unwrap();
    all.sort();
    (all, std::mem::take(writer.out()))
}

#[test]
fn an_export_comes_back_with_its_histograms_and_twice_as_once() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (expected, text) = exported(from.path(), 300);
    assert_eq!(expected.len(), 302);
    let mut import = open(to.path());
    // The newest first: the others come late.
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let newest: Vec<u8> = lines.filter(|line| line.ends_with(b" 3000\n")).flatten().copied().collect();
    import.text(newest.as_slice(), Form::Text, &mut |fault| panic!("{fault}")).unwrap();
    assert_eq!(import.done, Done { stored: 301, ..Done::default() });
    import.text(text.as_slice(), Form::Text, &mut |fault| panic!("{fault}")).unwrap();
    assert_eq!(everything(&import.store).0, expected);
    // Those that count on are stored once more, which changes nothing.
    assert_eq!(import.finish().unwrap(), Done { stored: 301 + 606, there: 300, ..Done::default() });
    let (store, _) = Store::open(to.path(), StoreConfig::default()).unwrap();
    assert_eq!(everything(&store).0, expected);
}

#[test]
fn a_histogram_that_cannot_be_read_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut import = open(folder.path());
    let (faults, is_taken) = told(&mut import, b"# WEIR_HISTOGRAM x{a=\"1\"} zz 1\nx 1 1\n# WEIR_HISTOGRAM\n");
    let places: Vec<_> = faults.iter().map(|fault| fault.split(',').next().unwrap()).collect();
    assert_eq!((places, is_taken), (vec!["line 1", "line 3"], true));
    assert_eq!(import.finish().unwrap(), Done { stored: 1, malformed: 2, ..Done::default() });
}
