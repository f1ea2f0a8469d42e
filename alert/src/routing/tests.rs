//! Whole configurations: what they mean, and what is said of bad ones.

use weir_sample::Timestamp;

use super::channel::Kind;
use super::{Config, GroupBy};
use crate::event::Pairs;

const GOOD: &str = r#"
global: {smtp_smarthost: 'mail:25', smtp_from: weir@example.org, slack_api_url: 'https://hooks/x', resolve_timeout: 2m}
templates: ['templates/*.tmpl']
route:
  receiver: all
  group_by: [alertname]
  group_wait: 10s
  routes:
    - matchers: [team="db"]
      receiver: db
      continue: true
      group_by: ['...']
      routes:
        - match: {severity: page}
          receiver: pager
          repeat_interval: 1h
    - match_re: {team: 'db|web'}
      receiver: chat
      mute_time_intervals: [nights]
receivers:
  - name: all
    webhook_configs: [{url: 'http://a/', max_alerts: 5}, {url_file: /run/x, send_resolved: false}]
  - name: db
    email_configs: [{to: db@example.org}]
  - name: pager
    pagerduty_configs: [{routing_key: s3cret}]
  - name: chat
    slack_configs: [{channel: '#ops'}]
inhibit_rules:
  - source_matchers: [severity=page]
    target_match: {severity: info}
    equal: [cluster]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: '22:00', end_time: '24:00'}]
        location: Europe/Berlin
  - name: month ends
    time_intervals: [{days_of_month: ['-2:-1'], months: ['january:march', 'december'], years: ['2026']}]
  - name: weekdays
    time_intervals: [{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}]}]
"#;

fn labels(text: &str) -> Pairs {
    text.split(' ').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn alerts_go_where_their_labels_lead() {
    let config = Config::read("am.yml", GOOD).unwrap();
    for (alert, expected) in [
        ("team=x", "all"),
        ("team=db", "db chat"),
        ("team=db severity=page", "pager chat"),
        ("team=web severity=page", "chat"),
    ] {
        let receivers: Vec<&str> =
            config.routes_of(&labels(alert)).iter().map(|route| route.receiver.as_str()).collect();
        assert_eq!(receivers.join(" "), expected, "{alert}");
    }
    let pager = config.routes_of(&labels("team=db severity=page"))[0];
    assert_eq!(pager.key, r#"{}/{team="db"}/{severity="page"}"#);
    assert_eq!(
        (&pager.group_by, pager.group_wait.as_secs(), pager.repeat_interval.as_secs()),
        (&GroupBy::All, 10, 3600)
    );
    assert_eq!(config.resolve_timeout.as_secs(), 120);
}

#[test]
fn channels_take_from_global_and_hide_secrets() {
    let config = Config::read("am.yml", GOOD).unwrap();
    let Kind::Email(email) = &config.receivers["db"].channels[0].kind else { panic!("no e-mail") };
    assert_eq!((email.smarthost.as_deref(), email.from.as_deref()), (Some("mail:25"), Some("weir@example.org")));
    let all: Vec<(&str, bool)> =
        config.receivers["all"].channels.iter().map(|c| (c.name.as_str(), c.send_resolved)).collect();
    assert_eq!(all, [("webhook[0]", true), ("webhook[1]", false)]);
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("hooks/x"), "a secret is shown");
}

#[test]
fn time_intervals_contain_what_they_say() {
    let config = Config::read("am.yml", GOOD).unwrap();
    let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    for (name, time, expected) in [
        ("nights", "2026-07-01T19:59:59Z", false),
        ("nights", "2026-07-01T20:00:00Z", true),
        ("nights", "2026-12-01T20:30:00Z", false),
        ("nights", "2026-12-01T22:59:00Z", true),
        ("month ends", "2026-02-27T12:00:00Z", true),
        ("month ends", "2026-02-26T12:00:00Z", false),
        ("month ends", "2026-04-30T12:00:00Z", false),
        ("month ends", "2025-12-31T12:00:00Z", false),
        ("weekdays", "2026-11-25T09:00:00Z", true),
        ("weekdays", "2026-11-25T17:00:00Z", false),
        ("weekdays", "2026-11-29T12:00:00Z", false),
    ] {
        assert_eq!(config.intervals[name].contain(at(time)), expected, "{name} at {time}");
    }
}

#[test]
fn faults_name_line_and_mend() {
    let base = "route: {receiver: a}\nreceivers:\n  - name: a\n";
    for (text, place, fault) in [
        (format!("{base}  - name: a\n"), "4:11", "receiver \"a\" is there already, in line 3"),
        ("route: {receiver: b}\nreceivers: [{name: a}]\n".into(), "1:19", "undefined receiver \"b\""),
        ("receivers: [{name: a}]\n".into(), "1:1", "no routes provided"),
        (format!("{base}nosuch: 1\n"), "4:1", "unknown field"),
        (format!("{base}    opsgenie_configs: []\n"), "4:5", "Weir has webhook"),
        ("route:\n  receiver: a\n  group_wait: 5\nreceivers: [{name: a}]\n".into(), "3:", "not a valid duration"),
        ("route: {receiver: a, matchers: [x=y]}\nreceivers: [{name: a}]\n".into(), "1:8", "must match everything"),
        (
            "route:\n  receiver: a\n  routes:\n    - matchers: ['x=~\"(\"']\nreceivers: [{name: a}]\n".into(),
            "4:",
            "bad regular expression",
        ),
        (
            "route: {receiver: a, group_by: [x, '...']}\nreceivers: [{name: a}]\n".into(),
            "1:36",
            "nothing can stand beside it",
        ),
        ("route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]\n".into(), "1:8", "more than zero"),
        (format!("{base}    webhook_configs:\n      - max_alerts: 1\n"), "5:", "one of url and url_file"),
        (format!("{base}    webhook_configs: [{{url: 'a b'}}]\n"), "4:", "must begin with http"),
        (format!("{base}    email_configs: [{{to: x@y}}]\n"), "4:", "needs a `from`"),
        (format!("{base}    slack_configs: [{{channel: x}}]\n"), "4:", "api_url"),
        (format!("{base}    pagerduty_configs: [{{}}]\n"), "4:", "routing_key"),
        (
            format!("{base}time_intervals:\n  - name: n\n    time_intervals: [{{location: Mars/X}}]\n"),
            "6:",
            "unknown time zone",
        ),
        (
            format!("{base}time_intervals:\n  - name: n\n    time_intervals: [{{weekdays: ['friday:monday']}}]\n"),
            "6:",
            "before it begins",
        ),
        (
            "route:\n  receiver: a\n  routes: [{mute_time_intervals: [x]}]\nreceivers: [{name: a}]\n".into(),
            "3:",
            "undefined time interval",
        ),
        ("route: {receiver: a\n".into(), "", ""),
    ] {
        let told = Config::read("am.yml", &text).expect_err(&text)[0].to_string();
        assert!(told.starts_with(&format!("am.yml:{place}")) && told.contains(fault), "{text}\n{told}");
    }
}
