use std::path::Path;

use clap::{Args, FromArgMatches};

use super::*;

const EXAMPLE: &str = include_str!("../../weir-agent.toml");

fn parse(text: &str) -> Result<Settings> {
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
    let check = |text: &str| Config::new(parse(text).unwrap()).unwrap();
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
    let config = Config::new(args.settings.over(file)).unwrap();
    assert_eq!((config.host.as_str(), config.keys.as_deref(), config.statsd), ("flag", Some(Path::new("/file")), None));
    assert_eq!((config.aggregator().idle.sets, config.aggregator().idle.gauges), (3, 30));
    assert_eq!(config.aggregator().host.as_deref(), Some("flag"));
}

#[test]
fn a_reload_tells_what_takes_a_restart() {
    let config = |text: &str| Config::new(parse(text).unwrap()).unwrap();
    let (old, new) = (config("keys = \"/a\""), config("keys = \"/a\"\ninterval = \"5s\"\nstatsd = \"off\""));
    assert_eq!(old.fixed_differences(&new), ["statsd", "interval"]);
    assert!(old.fixed_differences(&old).is_empty());
}

#[test]
fn without_a_key_there_is_no_start() {
    let error = Config::new(Settings::default()).unwrap_err().to_string();
    assert!(error.starts_with("keys: not set"), "{error}");
}

#[test]
fn the_example_shows_the_defaults() {
    let check = |text: &str, expected: &HostMetrics| assert_eq!(&parse(text).unwrap().host_metrics, expected);
    check(EXAMPLE, &HostMetrics::default());
    let shown =
        HostMetrics { relabel: parse(&example_in_full()).unwrap().host_metrics.relabel, ..HostMetrics::default() };
    check(&example_in_full(), &shown);
}
