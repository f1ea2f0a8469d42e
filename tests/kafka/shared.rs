//! Three sinks, three gateways that hear StatsD: one counter, one distribution and one set, to the unit, while sinks are
//! killed.

use std::net::UdpSocket;
use std::time::Duration;

use weir_tests::{Server, eventually, free_port};

use crate::site::{PATIENCE, Site};

const ROUNDS: usize = 12;
const A_ROUND: usize = 250;
/// Members of a set that is kept as it is, so its size is exact.
const FEW: usize = 100;

/// The answers of all sinks, of which one has the series.
fn owned(sinks: &[Server], query: &str) -> Vec<f64> {
    sinks.iter().filter_map(|sink| sink.number(query)).collect()
}

#[test]
fn what_three_gateways_hear_is_one_series_of_one_sink_through_kills() {
    let site = Site::start();
    let mut sinks: Vec<Server> = ["0/3", "1/3", "2/3"]
        .map(|share| site.role("sink", &format!("sink-{}", &share[..1]), &["--share", share]))
        .into();
    // A second copy, divided otherwise: it has the same topics, and parts of its own in them.
    let others: Vec<Server> = ["0/2", "1/2"]
        .map(|share| site.role("sink", &format!("other-{}", &share[..1]), &["--group", "other", "--share", share]))
        .into();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let gateways: Vec<(Server, _)> = (0..3)
        .map(|number| {
            let statsd = free_port();
            let name = format!("gateway-{number}");
            (site.role("gateway", &name, &["--statsd", &statsd.to_string()]), statsd)
        })
        .collect();
    let mut values = Vec::new();
    let mut sent = [0; 3];
    for round in 0..ROUNDS {
        for at in 0..A_ROUND {
            // A heavy tail, most of it at the last gateway.
            let value = 1.0 + ((round * A_ROUND + at) as f64).powi(2) / 1e4;
            let gateway = if at % 5 == 0 { at % 2 } else { 2 };
            values.push(value);
            let lines = format!("took:{value}|d|#route:a\nseen:1|c\nwho:{}|s", round * A_ROUND + at);
            client.send_to(lines.as_bytes(), gateways[gateway].1).unwrap();
            // Each gateway hears a third of these members, each of them in every round.
            let member = at % FEW;
            client.send_to(format!("few:{member}|s").as_bytes(), gateways[member % 3].1).unwrap();
            sent[gateway] += 3;
            sent[member % 3] += 1;
        }
        if round % 4 == 1 {
            let at = round / 4;
            sinks[at].program.kill();
            sinks[at].start_again();
        }
        std::thread::sleep(Duration::from_millis(700));
    }
    for ((gateway, _), sent) in gateways.iter().zip(sent) {
        let heard = || gateway.reading("weir_statsd_lines_total").filter(|lines| *lines == f64::from(sent));
        eventually("all lines to be heard", PATIENCE, heard);
    }
    sinks.iter().for_each(Server::wait_until_ready);
    let all = values.len() as f64;
    let seen = || owned(&sinks, "sum(seen)");
    eventually("all counts to be stored", PATIENCE, || seen().contains(&all).then_some(()));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(seen(), [all], "one sink has the series, and no more than there were");
    eventually("the other group to have them too", PATIENCE, || {
        owned(&others, "sum(seen)").contains(&all).then_some(())
    });
    assert_eq!(owned(&others, "sum(seen)"), [all]);
    let count = r#"sum(increase(took{route="a"}[10m]))"#;
    eventually("all observations to be stored", PATIENCE, || {
        owned(&sinks, &format!("histogram_count({count})")).iter().any(|found| found.round() == all).then_some(())
    });
    values.sort_by(f64::total_cmp);
    for q in [0.5, 0.9, 0.99] {
        let rank = (q * all).ceil() as usize - 1;
        let (low, high) = (values[rank], values[(rank + 1).min(values.len() - 1)]);
        let found = owned(&sinks, &format!("histogram_quantile({q}, {count})"));
        assert!(
            found.len() == 1 && (low * 0.989..=high * 1.011).contains(&found[0]),
            "q{q}: {found:?}, exactly {low} to {high}"
        );
    }
    assert_eq!(owned(&sinks, "max_over_time(few[10m])"), [FEW as f64], "a small set, to the unit");
    // Members of this one are new in each window, so its windows add up: to within 4 times the standard error of 2.3 %.
    let members = owned(&sinks, "sum_over_time(who[10m])");
    assert!(members.len() == 1 && (members[0] / all - 1.0).abs() < 0.092, "{members:?} of {all}");
    let late: f64 = sinks.iter().filter_map(|sink| sink.reading("weir_sink_parts_late_total")).sum();
    println!("{late} parts came when their window was written");
}
