//! Templates and what they give, as Go gives it.

use weir_sample::Timestamp;

use super::{Functions, Limits, Moment, Templates, Value, World};

fn samples(expression: &str) -> Result<Vec<Value>, String> {
    match expression {
        "up" => Ok(vec![Value::sample([("instance", "b:9100")], 1.0), Value::sample([("instance", "a:9100")], 0.0)]),
        "none" => Ok(Vec::new()),
        other => Err(format!("no such series: {other}")),
    }
}

fn run(functions: Functions, text: &str, data: &Value, limits: Limits) -> Result<String, String> {
    let world =
        World { functions, now: Timestamp(1_700_000_000_000), external_url: "http://weir:9090/a", query: &samples };
    let variables = [("labels", data.field("Labels").cloned()), ("value", data.field("Value").cloned())];
    let variables: Vec<(&str, Value)> =
        variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Templates::default().text(text, data, &variables, world, limits).map_err(|fault| fault.to_string())
}

/// In a rule's annotation, with labels and a value of 1234.5.
fn check(text: &str, expected: &str) {
    let labels = Value::labels([("instance", "web-1.example.org:9100"), ("job", "node")]);
    let data = Value::record(vec![("Labels", labels), ("Value", Value::Float(1234.5))]);
    assert_eq!(run(Functions::Rules, text, &data, Limits::default()).as_deref(), Ok(expected), "{text}");
}

fn refused(text: &str, expected: &str) {
    let data = Value::record(vec![("Labels", Value::labels([("job", "node")])), ("Value", Value::Float(80.5))]);
    let told = run(Functions::Rules, text, &data, Limits { steps: 10_000, size_bytes: 10_000 }).expect_err(text);
    assert!(told.contains(expected), "{text}: {told}");
}

#[test]
fn rule_files_say_what_they_say_in_prometheus() {
    for (text, expected) in [
        ("{{ $labels }} {{ $value }}", "map[instance:web-1.example.org:9100 job:node] 1234.5"),
        ("{{ $labels.job }}{{ $labels.absent }}|{{ .Labels.job }}", "node|node"),
        ("{{ $value | humanize }} {{ humanize1024 2048.0 }}B {{ humanizePercentage 0.1234567 }}", "1.234k 2kiB 12.35%"),
        (
            "{{ humanizeDuration 3723.0 }}|{{ \"90061\" | humanizeDuration }}|{{ humanizeDuration 0.0123 }}",
            "1h 2m 3s|1d 1h 1m 1s|12.3ms",
        ),
        ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ("{{ printf \"%.2f%%\" $value }}", "1234.50%"),
        ("{{ with $labels.job -}} on {{ . }} {{- end }}{{ with $labels.none }}x{{ else }}-{{ end }}", "on node-"),
        (
            "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }};{{ end }}",
            "a:9100=0;b:9100=1;",
        ),
        ("{{ query \"up\" | first | value }} {{ query \"up\" | first | label \"instance\" }}", "1 b:9100"),
        ("{{ range $i, $s := query \"up\" }}{{ $i }}{{ $s.Value }} {{ end }}", "01 10 "),
        ("{{ range query \"none\" }}x{{ else }}none{{ end }}", "none"),
        (
            "{{ define \"t\" }}{{ .arg0 }}-{{ .arg1 }}{{ .arg2 }}{{ end }}{{ template \"t\" (args 1 \"b\") }}",
            "1-b<no value>",
        ),
        ("{{ if match \"^no\" $labels.job }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ reReplaceAll \"(.*):(.*)\" \"$2/${1}\" $labels.instance }}", "9100/web-1.example.org"),
        (
            "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripPort \"[::1]:80\" }}",
            "web-1.example.org web-1:9100 ::1",
        ),
        ("{{ title \"a b-c\" }} {{ toUpper \"x\" }} {{ toLower \"Y\" }}", "A B-C X y"),
        ("{{ parseDuration \"1h30m\" }} {{ (toTime 1.5).Format \"15:04:05.000\" }}", "5400 00:00:01.500"),
        ("{{ now }} {{ externalURL }} {{ pathPrefix }}", "1.7e+09 http://weir:9090/a /a"),
        ("{{ graphLink \"up == 1\" }}", "/graph?g0.expr=up+%3D%3D+1&g0.tab=0"),
    ] {
        check(text, expected);
    }
}

#[test]
fn control_and_truth_are_those_of_go() {
    for (text, expected) in [
        ("{{ if gt $value 80.0 }}a{{ else if lt $value 1.0 }}b{{ else }}c{{ end }}", "a"),
        ("{{ if 0 }}a{{ else if \"\" }}b{{ else }}c{{ end }}{{ if not nil }}d{{ end }}", "cd"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}", "2"),
        ("{{ range $i := 3 }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $i }}{{ end }}", "02"),
        ("{{ range $i := 9 }}{{ if ge $i 2 }}{{ break }}{{ end }}{{ $i }}{{ end }}", "01"),
        ("{{ range $k, $v := $labels }}{{ $k }}={{ $v }} {{ end }}", "instance=web-1.example.org:9100 job=node "),
        ("{{ and 1 0 2 }} {{ or 0 \"\" \"x\" }} {{ or (and true 0) 5 }}", "0 x 5"),
        ("{{ and false (query \"bad\") }}", "false"),
        ("{{ eq \"b\" \"a\" \"b\" }} {{ ne 1 2 }} {{ le 2 2 }} {{ lt \"a\" \"b\" }}", "true true true true"),
        ("{{ len $labels }} {{ len \"é\" }} {{ index $labels \"job\" }} {{ slice \"abcd\" 1 3 }}", "2 2 node bc"),
        ("{{ print 1 2 \"a\" }}{{ println \"x\" 1 }}", "1 2ax 1\n"),
        ("{{ html \"<a&'>\" }} {{ urlquery \"a b&c\" }} {{ js \"it's\" }}", "&lt;a&amp;&#39;&gt; a+b%26c it\\'s"),
        ("{{ block \"b\" $value }}{{ . }}{{ end }}{{ template \"b\" 2 }}", "1234.52"),
        ("{{ 1.0 }} {{ 1e6 }} {{ 1e-7 }} {{ 0x10 }} {{ 'a' }} {{ true }}", "1 1e+06 1e-07 16 97 true"),
        ("{{/* a */}}x {{- /* b */ -}} y", "xy"),
        ("a {{ \"}}\" }} {{ `{{` }}", "a }} {{"),
        ("{{ $.Labels.job }}{{ with 1 }}{{ $.Labels.job }}{{ end }}", "nodenode"),
        ("{{ ($labels).job }} {{ (index (query \"up\") 1).Labels.instance }}", "node a:9100"),
        ("{{ \"%s!\" | printf | len }}", "13"),
    ] {
        check(text, expected);
    }
}

#[test]
fn alertmanagers_templates_are_carried_out() {
    let alert = |status: &str, name: &str| {
        let labels = Value::pairs([("alertname", "Disk"), ("host", name)]);
        let at = Value::Time(Moment::utc(Timestamp(1_699_999_990_000)));
        Value::record(vec![("Status", Value::text(status)), ("Labels", labels), ("StartsAt", at)])
    };
    let data = Value::record(vec![
        ("Status", Value::text("firing")),
        ("Alerts", Value::List([alert("firing", "a"), alert("firing", "b"), alert("resolved", "c")].into())),
        ("GroupLabels", Value::pairs([("alertname", "Disk")])),
        ("CommonLabels", Value::pairs([("alertname", "Disk"), ("team", "db"), ("az", "1")])),
    ]);
    for (text, expected) in [
        (
            "[{{ .Status | toUpper }}:{{ .Alerts.Firing | len }}] {{ .GroupLabels.SortedPairs.Values | join \" \" }}",
            "[FIRING:2] Disk",
        ),
        ("{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \"+\" }}{{ end }}", "1+db"),
        ("{{ .CommonLabels }}", "alertname=Disk, az=1, team=db"),
        ("{{ range .Alerts.Resolved }}{{ .Labels.host }}{{ end }}{{ (index .Alerts 0).Labels.host }}", "ca"),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}:{{ .Value }} {{ end }}", "alertname:Disk az:1 team:db "),
        (
            "{{ (index .Alerts 0).StartsAt | tz \"Europe/Paris\" | date \"2006-01-02 15:04 MST\" }}",
            "2023-11-14 23:13 CET",
        ),
        (
            "{{ since (index .Alerts 0).StartsAt }} {{ (index .Alerts 0).StartsAt | since | humanizeDuration }}",
            "10s 10s",
        ),
        ("{{ stringSlice \"a\" \"b\" | join \",\" }} {{ toJson .GroupLabels }}", "a,b {\"alertname\":\"Disk\"}"),
        ("{{ (toDate \"2006-01-02\" \"2024-02-03\").Unix }} {{ now.Unix }}", "1706918400 1700000000"),
        ("{{ trimSpace \"  x \" }}", "x"),
    ] {
        assert_eq!(run(Functions::Notifications, text, &data, Limits::default()).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn html_is_escaped_once() {
    let world = World { functions: Functions::Notifications, now: Timestamp(0), external_url: "", query: &samples };
    let html = Templates::default().html(
        "<b>{{ . }}</b>{{ safeHtml \"<i>\" }}",
        &Value::text("a<b"),
        world,
        Limits::default(),
    );
    assert_eq!(html.unwrap(), "<b>a&lt;b</b><i>");
}

#[test]
fn faults_say_where_and_what() {
    for (text, expected) in [
        ("a\n  {{ nosuch 1 }}", "template:2:6: function \"nosuch\" not defined"),
        ("{{ $nosuch }}", "1:4: undefined variable \"$nosuch\""),
        ("{{ if gt $value 80 }}x{{ end }}", "incompatible types for comparison"),
        ("{{ if true }}x", "this if has no end"),
        ("{{ end }}", "without a beginning"),
        ("{{ .Nosuch }}", "can't evaluate field Nosuch"),
        ("{{ query \"none\" | first | value }}", "first() called on vector with no elements"),
        ("{{ query \"bad\" }}", "no such series: bad"),
        ("{{ toUpper 5 }}", "expected string; got int"),
        ("{{ humanize \"x\" }}", "invalid syntax"),
        ("{{ template \"nosuch\" }}", "template \"nosuch\" not defined"),
        ("{{ index (query \"up\") 5 }}", "index out of range: 5"),
        ("{{ reReplaceAll \"(\" \"\" \"\" }}", "bad regular expression"),
        ("{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}", "call each other deeper"),
        ("{{ range $i := 9000 }}{{ range $j := 9000 }}{{ end }}{{ end }}", "too many steps"),
        ("{{ range $i := 2000 }}0123456789{{ end }}", "too large"),
        ("{{ range $i := 900 }}{{ $x := printf \"%0999d\" $i }}{{ end }}", "too large"),
        ("{{ break }}", "outside of a range"),
        ("{{ . | 5 }}", "a pipe leads to a function only"),
        ("{{ 1 2 }}", "can't give argument to non-function"),
        ("{{ }}", "missing value"),
    ] {
        refused(text, expected);
    }
    refused(&"{{ if true }}".repeat(200), "nested deeper");
    refused(&format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)), "nested deeper");
}

#[test]
fn labels_that_are_asked_for_are_told() {
    let text = "{{ $labels.job }}{{ if .Labels.a }}{{ $.Labels.b }}{{ end }}\n{{ range query \"up\" }}{{ .Labels.c }}{{ end }}";
    let mentions = Templates::check("t", text, &["labels"]).unwrap();
    let told: Vec<String> = mentions.iter().map(|mention| format!("{} {}", mention.label, mention.at)).collect();
    assert_eq!(told, ["job 1:4", "a 1:24", "b 1:39"]);
}
