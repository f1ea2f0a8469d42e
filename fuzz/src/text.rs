//! The Prometheus text format: whatever endpoints and files hold.

use weir_formats::text::{Families, Line, Reader, Writer};
use weir_sample::{Kind, Series, Timestamp};

/// Reads line by line. What is read is legal as it stands, and is written and read again as the same.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (mut reader, mut families) = (Reader::default(), Families::default());
    for line in text.lines() {
        match reader.read(line) {
            Ok(Line::Type { family, kind }) => families.learn(family, kind),
            Ok(Line::Sample(sample)) => {
                families.meaning(&sample.name);
                let series = sample.series();
                assert_eq!(series.name(), sample.name, "names are not mended");
                let filled = sample.labels.iter().filter(|(_, value)| !value.is_empty()).count();
                assert_eq!(series.labels().count(), filled, "no label is lost or made up: {line}");
                assert_eq!(Series::from_key(series.key()).as_ref(), Some(&series));
                come_back(&series, sample.value, sample.time.unwrap_or(Timestamp(0)));
            }
            Ok(Line::Help { .. } | Line::Unit { .. } | Line::Nothing | Line::End) | Err(_) => {}
        }
    }
}

fn come_back(series: &Series, value: f64, time: Timestamp) {
    let mut writer = Writer::new(Vec::new());
    writer.series(series, Kind::Gauge, &[time.millis()], &[value]).expect("a vector takes all");
    let text = String::from_utf8(std::mem::take(writer.out())).expect("text is UTF-8");
    let Some(Ok(Line::Sample(back))) = text.lines().last().map(|line| Reader::default().read(line)) else { panic!("{text}") };
    assert_eq!((back.series(), back.time), (series.clone(), Some(time)));
    assert!(back.value == value || back.value.is_nan() && value.is_nan(), "{value} in {text}");
}

/// Lines of both formats, good and bad.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 7] = [
        b"# HELP a_total Help.\n# TYPE a_total counter\na_total 3 1700000000000\n",
        b"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 6\nh_sum 7.5\nh_count 6\nh_created 5\n# EOF\n",
        b"b_total{x=\"1\",y=\"q\\\"}\\\\\\n,\"} 4 1.5 # {trace=\"t\"} 1 2\n",
        b"a{ x = \"1\" , y=\"2\", } -Inf\na{} NaN -7\n",
        b"<html>\na\na{x=1} 2\na{x=\"1\" 2\n9a 1\n{} 1\na{x-y=\"1\"} 1\na{x=\"1\",x=\"2\"} 1\n",
        b"\xef\xbb\xbf{\"a\",\"b\"=\"1\"} 1 # {\"c.d\"=\"2\"} 1 2\na { b = \"1\" } 1\n{\"a.b\"} 1\n# UNIT a b\n",
        b"a 1e308 9223372036854775807\na 2 now\na 2 7 8\n",
    ];
    texts.iter().map(|text| text.to_vec()).collect()
}
