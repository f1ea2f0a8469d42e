//! The commands that show the running agent: `weir-agent status` and `weir-agent top`.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::config::{Asked, AskedArgs};

/// What `weir-agent status` takes.
#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    asked: AskedArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// `weir-agent status`: prints the page of the running agent.
pub(crate) fn show(args: &StatusArgs) -> Result<()> {
    let page = ask(&args.asked.find()?, if args.json { "/status.json" } else { "/status" })?;
    write!(weir_files::output(), "{page}")?;
    Ok(())
}

/// `weir-agent top`: the page again and again, with what has moved since the last time.
pub(crate) fn watch(args: &AskedArgs) -> Result<()> {
    let asked = args.find()?;
    let mut before = figures(&ask(&asked, "/metrics")?);
    loop {
        std::thread::sleep(REFRESH);
        let (page, now) = (ask(&asked, "/status")?, figures(&ask(&asked, "/metrics")?));
        let mut out = weir_files::output();
        // Home, and clear to the end.
        write!(out, "\x1b[H\x1b[2J{page}\nper second\n")?;
        let mut moved: Vec<_> = now
            .iter()
            .filter(|(series, _)| series.contains("_total"))
            .map(|(series, value)| (value - before.get(series).unwrap_or(value), series))
            .filter(|(delta, _)| *delta > 0.0)
            .collect();
        moved.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (delta, series) in moved {
            writeln!(out, "  {:>10.2}  {series}", delta / REFRESH.as_secs_f64())?;
        }
        out.flush()?;
        before = now;
    }
}

const REFRESH: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Series and values of a page in the text format.
fn figures(text: &str) -> HashMap<String, f64> {
    let line =
        |line: &str| line.rsplit_once(' ').and_then(|(series, value)| Some((series.to_owned(), value.parse().ok()?)));
    text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

fn ask(asked: &Asked, path: &str) -> Result<String> {
    match asked {
        Asked::Address(address) => {
            let stream = TcpStream::connect_timeout(address, PATIENCE).with_context(|| {
                format!("no agent answers at {address}: does it run, and with this `telemetry` address?")
            })?;
            stream.set_read_timeout(Some(PATIENCE))?;
            page(stream, path).with_context(|| format!("asking {address}"))
        }
        Asked::Socket(socket) => {
            let stream = UnixStream::connect(socket).map_err(|error| unanswered(socket, &error))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            page(stream, path).with_context(|| format!("asking {}", socket.display()))
        }
    }
}

fn unanswered(socket: &Path, error: &std::io::Error) -> anyhow::Error {
    let mend = match error.kind() {
        ErrorKind::PermissionDenied => "this is the agent's own user's and root's to ask: try sudo",
        ErrorKind::NotFound => {
            "no agent runs there, or it is older; --state names another folder, --telemetry an address"
        }
        _ => "no agent runs there",
    };
    anyhow::anyhow!("{}: {error}: {mend}", socket.display())
}

fn page(mut stream: impl Read + Write, path: &str) -> Result<String> {
    write!(stream, "GET {path} HTTP/1.0\r\nhost: agent\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => bail!("what answers there is not a weir-agent of this version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_back_from_the_text_format() {
        let found = figures("# HELP a x\na{b=\"c d\"} 3\ne 4.5\n");
        assert_eq!((found.len(), found["a{b=\"c d\"}"], found["e"]), (2, 3.0, 4.5));
    }
}
