use weir_fetch::ClientSettings;

use super::*;
use crate::target::tests::made;

const JOB: &str = "scrape_interval: 1s, honor_timestamps: false, static_configs: [{targets: ['h:1']}]";

fn looker(more: &str) -> Looker {
    let client = Client::new(&ClientSettings::default()).unwrap();
    Looker::new(Arc::new(made(&format!("{JOB}{more}"))), Arc::new(client), Room::of(1 << 20))
}

/// Whether only the values of a page like this one will be read.
fn is_known(looker: &mut Looker, lines: &str) -> bool {
    let page = format!("# TYPE a counter\n{lines}\n# EOF\n");
    let looked = looker.read(Timestamp(1_700_000_000_000), Instant::now(), &page, Form::OpenMetrics).unwrap();
    assert_eq!(looked.samples, lines.lines().count() + OWN.len());
    matches!(looker.known, Known::Shape(_))
}

#[test]
fn a_page_with_exemplars_is_read_in_full_each_time() {
    let long = format!("a_total 5 # {{t=\"{}\"}} 5", "x".repeat(200));
    let mut looker = looker("");
    for (lines, expected) in [
        ("a_total 5\nb 1", true),
        ("a_total 5 # {t=\"x\"} 5\nb 1", false),
        ("a_total 6 # {t=\"x\"} 6\nb 2", false),
        ("a_total 7\nb 1", true),
        // Its exemplar is none that is kept, and its number no value either.
        (&long, false),
        // As is a time that does not count.
        ("a_total 5 5", false),
        ("a_total 5", true),
    ] {
        // With the first the series of the page before end.
        is_known(&mut looker, lines);
        assert_eq!(is_known(&mut looker, lines), expected, "{lines}");
    }
}

#[test]
fn a_page_whose_histograms_are_put_together_is_read_in_full_each_time() {
    let look = |more: &str, le: &str| {
        let mut looker = looker(more);
        let page = format!("# TYPE h histogram\nh_bucket{{le=\"{le}\"}} 0\nh_count 0\nb 0\n");
        let looked = looker.read(Timestamp(1_700_000_000_000), Instant::now(), &page, Form::Text).unwrap();
        (looked.samples - OWN.len(), matches!(looker.known, Known::Shape(_)))
    };
    let converted = ", convert_classic_histograms_to_nhcb: true";
    assert_eq!(look("", "1"), (3, true));
    assert_eq!(look(converted, "1"), (2, false));
    // Its parts stay what they are, behind all others.
    assert_eq!(look(converted, "none"), (3, false));
    assert_eq!(look(&format!("{converted}, always_scrape_classic_histograms: true"), "1"), (4, false));
}
