//! Threads that a server cannot do without: one that panics ends the process, so that a supervisor starts it again.

use std::panic;

use crate::alerting::{OWN_PANICS, PANICKED};

/// From here on a panic of a named thread ends the process, once it is reported. Those of the HTTP side and of alerting have their
/// own answer to a panic, and threads without a name are waited for by others.
pub(super) fn with_its_threads() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        report(panicked);
        if std::thread::current().name().is_some_and(is_needed) {
            tracing::error!("a thread that the server needs has panicked: the process ends");
            std::process::exit(PANICKED);
        }
    }));
}

fn is_needed(name: &str) -> bool {
    !name.starts_with("tokio-") && name != "weir-objects" && !OWN_PANICS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threads_of_the_path_are_needed_and_those_of_requests_are_not() {
        for name in ["sink", "store", "checkpoint", "weir-cold", "gateway-in-0", "queue-up", "main"] {
            assert!(is_needed(name), "{name}");
        }
        assert!(!is_needed("tokio-runtime-worker") && !is_needed("tokio-rt-worker") && !is_needed("weir-objects"));
    }
}
