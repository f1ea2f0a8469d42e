//! What the program says while it works: on standard error, for a person or for a machine.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;

/// How much is said, and in which form. Every command takes these.
#[derive(clap::Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct LogArgs {
    /// Only warnings and errors; twice, only errors
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
    /// More: what is done in between; twice, each step
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// A line of text, or a JSON object, for each message
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORM")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// Begins to log. `WEIR_LOG`, a level, holds where no flag says another.
    pub(crate) fn start(&self) {
        let named = std::env::var("WEIR_LOG").ok().and_then(|text| text.parse().ok());
        // Who reads a file or a pipe wants no colours, nor does who says so (no-color.org).
        let colours =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let log = tracing_subscriber::fmt().with_max_level(self.level().or(named).unwrap_or(LevelFilter::INFO));
        let log = log.with_writer(std::io::stderr).with_target(false);
        // A reader that has gone is no reason to say so, let alone to fail.
        let log = log.with_ansi(colours).log_internal_errors(false);
        match self.log_format {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.json().flatten_event(true).init(),
        }
    }

    fn level(&self) -> Option<LevelFilter> {
        match (self.quiet, self.verbose) {
            (0, 0) => None,
            (1, _) => Some(LevelFilter::WARN),
            (2.., _) => Some(LevelFilter::ERROR),
            (0, 1) => Some(LevelFilter::DEBUG),
            (0, _) => Some(LevelFilter::TRACE),
        }
    }
}
