use std::path::Path;

use clap::{Args, FromArgMatches};

use super::*;

const EXAMPLE: &str = include_str!("../../weir-agent.toml");

fn parse(text: &str) -> Result<Config> {
    file::parse(text, Path::new("weir-agent.toml"))
}

fn flags(args: &[&str]) -> RunArgs {
    let command = RunArgs::augment_args(clap::Command::new("run").no_binary_name(true));
    RunArgs::from_arg_matches(&command.get_matches_from(args)).unwrap()
}

/// The example with every setting that it shows switched on: `#key` is a setting, `# text` an explanation.
fn example_in_full() -> String {
    let uncomment = |line: &'static str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
    EXAMPLE.lines().map(uncomment).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_valid_as_it_is_and_with_everything_set() {
    let check = |text: &str| parse(text).unwrap().complete().unwrap();
    check(EXAMPLE);
    check(&example_in_full());
}

#[test]
fn the_example_shows_every_key() {
    let full = example_in_full();
    let check = |table: &str| {
        // The answer to an unknown key names the known ones.
        let error = parse(&format!("{table}\nno_such_key = 1")).err().unwrap().to_string();
        let known: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(!known.is_empty(), "{error}");
        for key in known {
            let shown = |line: &str| {
                let line = line.trim_start_matches(['[', ' ']);
                let line = line
                    .split_once('.')
                    .filter(|(table, _)| !table.contains([' ', '=']))
                    .map_or(line, |(_, rest)| rest);
                line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', ']', '=']))
            };
            assert!(full.lines().any(shown), "{table} {key} is not in the example");
        }
    };
    check("");
    check("[aggregation]");
    check("[host_metrics]");
    check("[[host_metrics.relabel]]");
    check("[[scrape]]");
    check("[[access_log]]");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let check = |text: &str, expected: &str| {
        let error = parse(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with(expected), "{error:?} does not start with {expected:?}");
    };
    check("# one\nsever = \"x\"", "weir-agent.toml:2: unknown field `sever`, expected one of `server`");
    check("interval = \"10\"", "weir-agent.toml:1: \"10\" is not a time");
    check("\n\ninterval = \"2h\"", "weir-agent.toml:3: 2h: between 1s and 1h");
    check("statsd = \"here\"", "weir-agent.toml:1: \"here\" is neither an address");
    check("telemetry = \"0.0.0.0:1\"", "weir-agent.toml:1: 0.0.0.0:1 asks for no password");
    check("[aggregation]\ntimers = \"hours\"", "weir-agent.toml:2: unknown variant `hours`");
    check("[aggregation]\nmax_series = -1", "weir-agent.toml:2: invalid value");
    check("server = \n", "weir-agent.toml:1:");
}

#[test]
fn flags_win_over_the_file() {
    let file = parse("keys = \"/file\"\nhost = \"file\"\n[aggregation]\nidle_sets = \"25s\"").unwrap();
    let args = flags(&["--host", "flag", "--statsd", "off"]);
    let config = args.over(file).unwrap().complete().unwrap();
    assert_eq!(
        (config.host(), config.keys.as_deref(), config.statsd.address()),
        ("flag", Some(Path::new("/file")), None)
    );
    assert_eq!((config.aggregator().idle.sets, config.aggregator().idle.gauges), (3, 30));
    assert_eq!(config.aggregator().host.as_deref(), Some("flag"));
}

#[test]
fn flags_that_are_not_given_leave_the_file_as_it_is() {
    let full = parse(&example_in_full()).unwrap();
    assert_eq!(flags(&[]).over(full.clone()).unwrap(), full);
}

#[test]
fn a_reload_adopts_what_can_change_and_names_what_takes_a_restart() {
    let check = |told: &str, expected: &[&str]| {
        let (mut old, new) = (parse("keys = \"/a\"").unwrap(), parse(&format!("keys = \"/a\"\n{told}")).unwrap());
        let before = old.clone();
        assert_eq!(old.adopt(new.clone()), expected, "{told}");
        assert_eq!(
            (old == new, old == before),
            (expected.is_empty(), told.is_empty() || !expected.is_empty()),
            "{told}"
        );
    };
    check("", &[]);
    check("interval = \"5s\"\nstatsd = \"off\"", &["statsd", "interval"]);
    check("statsd_socket_mode = \"0600\"", &["statsd_socket_mode"]);
    check("certificate = \"/b\"", &["certificate"]);
    check("[labels]\na = \"b\"", &[]);
    check("[aggregation]\nprefix = \"a\"", &[]);
    check("[host_metrics]\ncpu = false", &[]);
    check("[[scrape]]\njob = \"a\"", &[]);
    check("[[access_log]]\npath = \"/a\"\nservice = \"a\"", &[]);
}

#[test]
fn a_mixed_reload_adopts_its_part() {
    let mut old = parse("interval = \"10s\"").unwrap();
    let new = parse("interval = \"5s\"\n[labels]\na = \"b\"").unwrap();
    assert_eq!(old.adopt(new.clone()), ["interval"]);
    assert_eq!((old.labels, old.interval), (new.labels, Config::default().interval));
}

#[test]
fn without_a_key_there_is_no_start() {
    let error = Config::default().complete().unwrap_err().to_string();
    assert!(error.starts_with("keys: not set"), "{error}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let check = |told: &str, expected: &str| {
        let error = parse(told).unwrap().complete().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with(expected), "{error:?} does not start with {expected:?}");
    };
    check("token = \"/t\"", "token: a token is shown over TLS only");
    check("keys = \"/k\"\ntransport = \"tls\"", "transport: \"tls\" without");
    check("keys = \"/k\"\ncertificate = \"/c\"", "certificate: a certificate and its key");
    check("keys = \"/k\"\nca = \"/a\"\ncertificate_key = \"/c\"", "certificate: a certificate and its key");
    check("keys = \"/k\"\ncertificate = \"/c\"\ncertificate_key = \"/c\"", "certificate: it is shown over TLS");
    let host = "keys = \"/k\"\n[host_metrics]\nsource = \"sysinfo\"\n";
    check(&format!("{host}root = \"/host\""), "host_metrics.root: sysinfo reads the system");
    assert_eq!(parse(host).unwrap().complete().unwrap().host_metrics.source, HostSource::Sysinfo);
    let whole = parse("token = \"/t\"\nca = \"/a\"\ncertificate = \"/c\"\ncertificate_key = \"/d\"").unwrap();
    let files = whole.complete().unwrap().tls().unwrap();
    assert_eq!((files.authorities, files.identity), ("/a".into(), Some(("/c".into(), "/d".into()))));
}

#[test]
fn the_example_shows_the_defaults() {
    let keys = Some("/etc/weir/fleet.keys".into());
    assert_eq!(parse(EXAMPLE).unwrap(), Config { keys: keys.clone(), ..Config::default() });
    let full = parse(&example_in_full()).unwrap();
    // What has no default shows how it would look.
    let shown = HostMetrics { relabel: full.host_metrics.relabel.clone(), ..HostMetrics::default() };
    let usual = Config { keys, host_metrics: shown, ..Config::default() };
    let unset = [
        "token",
        "ca",
        "certificate",
        "certificate_key",
        "statsd_datagram",
        "statsd_stream",
        "statsd_socket_group",
        "host",
        "telemetry",
        "labels",
        "scrape",
        "access_log",
    ];
    assert_eq!(usual.differing(&full), unset);
}
