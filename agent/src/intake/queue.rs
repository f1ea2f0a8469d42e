//! How many datagrams the kernel holds for a Unix socket: beyond it clients that do not wait lose theirs, and nobody here sees it.

use std::path::Path;

/// Where Linux says it. A socket takes the number of when it was opened.
const SETTING: &str = "/proc/sys/net/unix/max_dgram_qlen";

/// Datagrams that a burst of a busy application has; the usual 10 are gone before this process is woken.
const ENOUGH: u64 = 512;

/// What is to be told of the setting to whoever takes StatsD by a Unix datagram socket; `None` if it is large enough or not known.
pub(crate) fn note() -> Option<String> {
    told(Path::new(SETTING))
}

fn told(setting: &Path) -> Option<String> {
    let held = std::fs::read_to_string(setting).ok()?.trim().parse::<u64>().ok()?;
    (held < ENOUGH).then(|| {
        format!(
            "net.unix.max_dgram_qlen is {held}: clients that send StatsD to a Unix datagram socket in bursts lose what does not fit; \
             sysctl -w net.unix.max_dgram_qlen={ENOUGH}, then restart the agent (or take the stream socket, which waits)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_queue_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let setting = folder.path().join("max_dgram_qlen");
        let check = |text: &str, is_told: bool| {
            std::fs::write(&setting, text).unwrap();
            assert_eq!(told(&setting).is_some(), is_told, "{text:?}");
        };
        assert_eq!(told(&setting), None, "no such setting");
        check("10\n", true);
        check("511\n", true);
        check("512\n", false);
        check("many\n", false);
        std::fs::write(&setting, "10\n").unwrap();
        assert!(told(&setting).unwrap().contains("sysctl -w net.unix.max_dgram_qlen=512"));
    }
}
