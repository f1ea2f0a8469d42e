use super::*;
use crate::Exemplar;

/// A field of bytes, of a double, of a number below 128.
fn bytes(number: u8, inside: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, inside.len() as u8], inside].concat()
}

fn double(number: u8, value: f64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn small(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

fn label(name: &str, value: &str) -> Vec<u8> {
    bytes(1, &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat())
}

/// A family of one metric, whose value is in the field that its type has.
fn family(name: &str, kind: u8, metric: &[Vec<u8>]) -> Vec<u8> {
    let inside = [bytes(1, name.as_bytes()), bytes(2, b"Help."), small(3, kind), bytes(4, &metric.concat())].concat();
    [&[inside.len() as u8][..], &inside].concat()
}

fn said(stream: &[u8], forms: Forms) -> (Vec<String>, u64) {
    let mut all = Vec::new();
    let malformed = parse(stream, forms, |Scraped { name, labels, value, time, exemplars }| {
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
        let value = match value {
            Said::Gauge(value) => format!("= {value}"),
            Said::Total(value) => format!("+= {value}"),
            Said::Histogram(histogram) => {
                let buckets: Vec<_> = histogram.buckets().map(|bucket| bucket.count).collect();
                format!("{:?} {} {} {buckets:?}", histogram.hint(), histogram.count(), histogram.sum())
            }
        };
        let time = time.map(|time| format!(" @{time}")).unwrap_or_default();
        let shown: String = exemplars
            .iter()
            .map(|Exemplar { time, value, labels }| format!(" # {:?} {value} {time:?}", labels[0]))
            .collect();
        all.push(format!("{name}[{}] {value}{time}{shown}", labels.join(" ")));
    });
    (all, malformed)
}

/// Two in the buckets 1 and 2 each, one around zero; with a classic bucket.
fn native() -> Vec<u8> {
    let span = bytes(12, &[small(1, 2), small(2, 2)].concat());
    let deltas = bytes(13, &[4, 0]);
    let classic = bytes(3, &[small(1, 3), double(2, 1.0)].concat());
    [small(1, 5), double(2, 6.5), classic, small(5, 0), double(6, 1e-3), small(7, 1), span, deltas].concat()
}

#[test]
fn families_say_what_the_text_format_says() {
    let number = double(1, 3.0);
    let bucket = bytes(3, &[small(1, 3), double(2, 0.5)].concat());
    let stream = [
        family("a_total", 0, &[label("x", "é"), bytes(3, &number)]),
        family("b", 1, &[bytes(2, &number)]),
        family("c", 3, &[bytes(5, &number)]),
        family("d", 1, &[bytes(2, &double(1, f64::NAN))]),
        family(
            "s",
            2,
            &[bytes(4, &[small(1, 9), double(2, 2.5), bytes(3, &[double(1, 1.0), double(2, 7.0)].concat())].concat())],
        ),
        family("h", 4, &[bytes(7, &[small(1, 4), double(2, 1.5), bucket.clone()].concat())]),
        family("g", 5, &[bytes(7, &[double(4, 4.5), bucket].concat())]),
    ];
    let expected = [
        "a_total[x=é] += 3",
        "b[] = 3",
        "c[] = 3",
        "d[] = NaN",
        "s_count[] += 9",
        "s_sum[] += 2.5",
        "s[quantile=1.0] = 7",
        "h_bucket[le=0.5] += 3",
        "h_bucket[le=+Inf] += 4",
        "h_sum[] += 1.5",
        "h_count[] += 4",
        "g_bucket[le=0.5] = 3",
        "g_bucket[le=+Inf] = 4.5",
        "g_sum[] = 0",
        "g_count[] = 4.5",
    ];
    assert_eq!(said(&stream.concat(), Forms::NATIVE), (expected.map(str::to_owned).to_vec(), 0));
}

#[test]
fn a_histogram_with_native_buckets_has_its_classic_ones_only_where_asked() {
    let stream = family("h", 4, &[bytes(7, &native())]);
    let native = "h[] Unknown 5 6.5 [1.0, 2.0, 2.0]";
    assert_eq!(said(&stream, Forms::NATIVE), (vec![native.to_owned()], 0));
    let both = ["h_bucket[le=1.0] += 3", "h_bucket[le=+Inf] += 5", "h_sum[] += 6.5", "h_count[] += 5", native];
    assert_eq!(said(&stream, Forms::BOTH), (both.map(str::to_owned).to_vec(), 0));
    let empty = family("h", 4, &[bytes(7, &[small(5, 3), bytes(12, &[])].concat())]);
    assert_eq!(said(&empty, Forms::BOTH).0, ["h[] Unknown 0 0 []"]);
    let gauge = [double(4, 1.5), double(14, 1.5), bytes(12, &small(2, 1))].concat();
    assert_eq!(said(&family("g", 5, &[bytes(7, &gauge)]), Forms::NATIVE).0, ["g[] Gauge 1.5 0 [1.5]"]);
}

#[test]
fn a_malformed_family_costs_itself_only() {
    let good = |name| family(name, 1, &[bytes(2, &double(1, 1.0))]);
    assert_eq!(said(&good("9a.b"), Forms::NATIVE), (vec!["9a.b[] = 1".to_owned()], 0));
    let check = |bad: Vec<u8>| {
        let stream = [good("a"), bad.clone(), good("b")].concat();
        assert_eq!(said(&stream, Forms::NATIVE), (vec!["a[] = 1".to_owned(), "b[] = 1".to_owned()], 1), "{bad:?}");
    };
    check(good("9\u{1}a"));
    check(good(""));
    check(family("c", 1, &[]));
    check(family("c", 1, &[label("x\u{2}y", "1"), bytes(2, &double(1, 1.0))]));
    check(family("c", 1, &[label("x", "1"), label("x", "2"), bytes(2, &double(1, 1.0))]));
    check(family("c", 1, &[bytes(2, &small(1, 1))]));
    // Fewer buckets than the span says.
    check(family("c", 4, &[bytes(7, &[small(1, 5), bytes(12, &small(2, 3)), bytes(13, &[2])].concat())]));
    assert_eq!(said(&[good("a"), vec![9, 1]].concat(), Forms::NATIVE), (vec!["a[] = 1".to_owned()], 1));
}

#[test]
fn histograms_come_in_the_forms_that_are_wanted() {
    let (both, classic) = (family("h", 4, &[bytes(7, &native())]), {
        let buckets = [bytes(3, &[small(1, 3), double(2, 1.0)].concat()), small(1, 5), double(2, 6.5)].concat();
        family("h", 4, &[bytes(7, &buckets)])
    });
    let buckets = ["h_bucket[le=1.0] += 3", "h_bucket[le=+Inf] += 5", "h_sum[] += 6.5", "h_count[] += 5"];
    let (native, converted) = ("h[] Unknown 5 6.5 [1.0, 2.0, 2.0]", "h[] Unknown 5 6.5 [3.0, 2.0]");
    let check = |native: bool, classic: bool, converted: bool, stream: &[u8], whole: Option<&str>, parts: bool| {
        let expected: Vec<&str> = buckets.into_iter().filter(|_| parts).chain(whole).collect();
        assert_eq!(said(stream, Forms { native, classic, converted }).0, expected);
    };
    check(true, false, false, &both, Some(native), false);
    check(true, true, false, &both, Some(native), true);
    check(true, true, true, &both, Some(native), true);
    check(false, false, false, &both, None, true);
    check(false, false, true, &both, Some(converted), false);
    check(true, false, false, &classic, None, true);
    check(true, false, true, &classic, Some(converted), false);
    check(false, true, true, &classic, Some(converted), true);
    // What cannot have been counted so stays as it is.
    let odd = [bytes(3, &[small(1, 9), double(2, 1.0)].concat()), small(1, 5)].concat();
    let odd = said(&family("h", 4, &[bytes(7, &odd)]), Forms { converted: true, ..Forms::NATIVE });
    assert_eq!((odd.0.len(), odd.1), (4, 0));
}

#[test]
fn times_and_exemplars_are_those_of_the_samples() {
    let exemplar = |value: f64, time: &[Vec<u8>]| {
        [label("t", "x"), double(2, value), time.iter().flat_map(|time| bytes(3, time)).collect()].concat()
    };
    let at = [small(1, 9), [&[16][..], &[0x80, 0xad, 0xe2, 0x04]].concat()].concat();
    let counter = [double(1, 3.0), bytes(2, &exemplar(2.5, std::slice::from_ref(&at)))].concat();
    let bucket = |time: &[Vec<u8>]| bytes(3, &[small(1, 3), double(2, 0.5), bytes(3, &exemplar(0.25, time))].concat());
    let classic = [small(1, 4), double(2, 1.5), bucket(&[])].concat();
    let native = [native(), bucket(&[at])].concat();
    let stream = [
        family("a_total", 0, &[bytes(3, &counter), small(6, 7)]),
        family("h", 4, &[bytes(7, &classic)]),
        family("n", 4, &[bytes(7, &native)]),
    ];
    let expected = [
        "a_total[] += 3 @7 # (\"t\", \"x\") 2.5 Some(9010)",
        "h_bucket[le=0.5] += 3 # (\"t\", \"x\") 0.25 None",
        "h_bucket[le=+Inf] += 4",
        "h_sum[] += 1.5",
        "h_count[] += 4",
        "n[] Unknown 5 6.5 [1.0, 2.0, 2.0] # (\"t\", \"x\") 0.25 Some(9010)",
    ];
    assert_eq!(said(&stream.concat(), Forms::NATIVE), (expected.map(str::to_owned).to_vec(), 0));
}
