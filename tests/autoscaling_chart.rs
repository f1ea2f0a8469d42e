//! `make autoscaling`: the run of tests/autoscaling.rs for longer, drawn as a picture by the browser that draws the
//! console in tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use weir_tests::{Moment, Outcome, Policy, Scenario, Second, run};

const WIDTH: f64 = 1200.0;
const PANEL: f64 = 150.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 90.0;
const GAP: f64 = 36.0;

/// One line of one panel.
struct Curve {
    title: &'static str,
    unit: &'static str,
    color: &'static str,
    /// Seconds and value.
    points: Vec<(f64, f64)>,
    /// Whether a value holds until the next.
    stepped: bool,
    /// Drawn as a dashed line.
    mark: Option<f64>,
}

fn main() {
    let target: PathBuf = std::env::args().nth(1).map_or_else(|| "docs/autoscaling.png".into(), Into::into);
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario {
        agents: 1_000,
        ramp: "1,2,4,8,8,8,4,2,1,1",
        duration: Duration::from_secs(180),
        cores: 0.1,
        quotas: true,
        policy: Policy {
            target: 0.6,
            most: 8,
            stabilisation: Duration::from_secs(8),
            leave_every: Duration::from_secs(2),
        },
    };
    let outcome = run(folder.path(), &scenario);
    let picture = folder.path().join("autoscaling.html");
    fs::write(&picture, page(&scenario, &outcome)).unwrap();
    photograph(&picture, &target);
    println!(
        "{}",
        serde_json::json!({
            "most_gateways": most(&outcome.moments),
            "drained": outcome.exits.len(),
            "drained_with_exit_0": outcome.exits.iter().filter(|status| status.success()).count(),
            "held_by_the_kernel": outcome.held,
            "fleets": outcome.reports,
            "chart": target,
        })
    );
}

fn most(moments: &[Moment]) -> usize {
    moments.iter().map(|moment| moment.serving).max().unwrap_or_default()
}

fn page(scenario: &Scenario, outcome: &Outcome) -> String {
    let curves = curves(scenario, outcome);
    let end = outcome.moments.last().map_or(1.0, |moment| moment.at.as_secs_f64());
    let height = TOP + curves.len() as f64 * (PANEL + GAP) + 30.0;
    let sum = |field: &str| outcome.reports.iter().filter_map(|report| report[field].as_f64()).sum::<f64>();
    let title = format!(
        "{} samples, {} lost, {} doubled, {} unacked; 1 to {} gateways of {} core{}, {} drained",
        spaced(sum("samples_acked")),
        sum("counter_missing"),
        sum("counter_doubled"),
        sum("batches_unacked"),
        most(&outcome.moments),
        scenario.cores,
        if outcome.held { "" } else { " (told, not held)" },
        outcome.exits.len(),
    );
    let panels: String = curves.iter().enumerate().map(|(at, curve)| panel(at, curve, end)).collect();
    format!(
        "<!doctype html><meta charset=utf-8><style>body{{margin:0;background:#fff}}text{{font:15px sans-serif;fill:#334}}\
         .t{{font:bold 22px sans-serif}}.n{{font:bold 16px sans-serif}}</style>\
         <svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}'>\
         <text class=t x='30' y='36'>Gateways follow the load behind nginx</text><text x='30' y='62'>{title}</text>\
         {panels}</svg>"
    )
}

fn curves(scenario: &Scenario, outcome: &Outcome) -> [Curve; 4] {
    let moments = |value: fn(&Moment) -> f64| {
        outcome.moments.iter().map(|moment| (moment.at.as_secs_f64(), value(moment))).collect::<Vec<_>>()
    };
    let seconds = |value: fn(&Second) -> Option<f64>| {
        let points = outcome.seconds.iter().map(|second| Some((second.at.as_secs_f64(), value(second)?)));
        points.flatten().collect::<Vec<_>>()
    };
    let curve = |title, unit, color, points| Curve { title, unit, color, points, stepped: false, mark: None };
    let target = Some(scenario.policy.target);
    [
        curve("Samples sent", "a second", "#2864c8", seconds(|second| Some(second.sent))),
        Curve { stepped: true, ..curve("Gateways", "serving", "#1e8c5a", moments(|moment| moment.serving as f64)) },
        Curve {
            mark: target,
            ..curve("Saturation", "mean, target dashed", "#c86414", moments(|moment| moment.saturation))
        },
        curve("Ack, 99 of 100", "milliseconds", "#8c32b4", seconds(|second| second.ack_p99_ms)),
    ]
}

fn panel(at: usize, curve: &Curve, end: f64) -> String {
    let top = TOP + at as f64 * (PANEL + GAP);
    let largest = curve.points.iter().map(|point| point.1).chain(curve.mark).fold(0.0, f64::max);
    let most = rounded_up(largest);
    let x = |second: f64| LEFT + second / end * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| top + PANEL * (1.0 - value / most);
    let mut out = String::new();
    for share in [0.0, 0.5, 1.0] {
        let (line, value) = (y(most * share), most * share);
        out += &format!("<line x1='{LEFT}' x2='{}' y1='{line}' y2='{line}' stroke='#dde'/>", WIDTH - RIGHT);
        out += &format!("<text x='{}' y='{}' text-anchor='end'>{}</text>", LEFT - 8.0, line + 5.0, spaced(value));
    }
    for second in (0..=end as u64).step_by(30) {
        let at = x(second as f64);
        out += &format!("<line x1='{at}' x2='{at}' y1='{top}' y2='{}' stroke='#eef'/>", top + PANEL);
        out += &format!("<text x='{at}' y='{}' text-anchor='middle'>{second} s</text>", top + PANEL + 20.0);
    }
    if let Some(mark) = curve.mark {
        let line = y(mark);
        out += &format!(
            "<line x1='{LEFT}' x2='{}' y1='{line}' y2='{line}' stroke='#889' stroke-dasharray='6 5'/>",
            WIDTH - RIGHT
        );
    }
    let mut path = String::new();
    for (i, &(second, value)) in curve.points.iter().enumerate() {
        let (x, y) = (x(second.min(end)), y(value));
        path += &match (i, curve.stepped) {
            (0, _) => format!("M{x:.1} {y:.1}"),
            (_, true) => format!("H{x:.1}V{y:.1}"),
            (_, false) => format!("L{x:.1} {y:.1}"),
        };
    }
    out += &format!("<path d='{path}' fill='none' stroke='{}' stroke-width='2.5'/>", curve.color);
    out += &format!("<text class=n x='20' y='{}'>{}</text>", top + 20.0, curve.title);
    out + &format!("<text x='20' y='{}'>{}</text>", top + 42.0, curve.unit)
}

/// The next of 1, 2, 4, 5, 8 and 10 times a power of ten.
fn rounded_up(value: f64) -> f64 {
    let power = 10f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 8.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value * 0.999).unwrap_or(10.0 * power)
}

/// With spaces between thousands.
fn spaced(value: f64) -> String {
    if value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

fn photograph(page: &Path, target: &Path) {
    let height = (TOP + 4.0 * (PANEL + GAP) + 30.0) as u32;
    let status = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"])
        .arg(format!("--window-size={WIDTH},{height}"))
        .arg(format!("--screenshot={}", target.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium draws the picture: apt-get install chromium");
    assert!(status.status.success() && target.exists(), "{}", String::from_utf8_lossy(&status.stderr));
}
