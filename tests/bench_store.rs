//! `weir bench store` measures Weir and VictoriaMetrics on the same samples, both to the end.

use std::process::Command;

use serde_json::Value;
use weir_tests::program;

#[test]
fn the_bench_measures_both_programs_on_the_same_samples() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("bench");
    let outcome = Command::new(program("weir"))
        .args(["bench", "store", "--series", "2000", "--hours", "0.05", "--churn", "150"])
        .args(["--beside", "victoria-metrics", "--folder"])
        .arg(&data)
        .output()
        .unwrap();
    let (text, errors) = (String::from_utf8(outcome.stdout).unwrap(), String::from_utf8_lossy(&outcome.stderr));
    assert!(outcome.status.success(), "{errors}");
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    for found in [&last, &last["peer"]] {
        assert_eq!(found["samples"], 18 * 2_000, "{found}");
        // All that were there at the start, and the 100 series of the one host that took another's place.
        assert_eq!(found["selected_series"], 2_000 + 100, "{found}");
        for figure in ["ns_per_sample", "rss_bytes_per_series", "disk_bytes", "select_ms", "recovery_s"] {
            assert!(found[figure].as_f64().is_some_and(|value| value > 0.0), "{figure}: {found}");
        }
    }
    assert!(!data.exists());
}
