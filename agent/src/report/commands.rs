//! The commands that show the running agent: `weir-agent status` and `weir-agent top`.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// `weir-agent status`: prints the page of the agent at `address`.
pub(crate) fn show(address: SocketAddr) -> Result<()> {
    write!(weir_files::output(), "{}", ask(address, "/status")?)?;
    Ok(())
}

/// `weir-agent top`: the page again and again, with what has moved since the last time.
pub(crate) fn watch(address: SocketAddr) -> Result<()> {
    let mut before = figures(&ask(address, "/metrics")?);
    loop {
        std::thread::sleep(REFRESH);
        let (page, now) = (ask(address, "/status")?, figures(&ask(address, "/metrics")?));
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

fn ask(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("no agent answers at {address}: does it run, and with this `telemetry` address?"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("reading from {address}"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => bail!("what answers at {address} is not a weir-agent of this version"),
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
