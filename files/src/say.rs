//! What programs print. A reader that has gone, as `head` after its last line, is no fault of whoever writes: it ends the
//! program without a word, where the standard library's own macros panic.

use std::fmt::Arguments;
use std::io::{ErrorKind, Result, Stdout, Write};

/// Exit code of a program whose reader has gone: what a shell tells of one that the signal SIGPIPE ended, so that a pipeline
/// that stopped half way is told from one that did all.
const READER_GONE: i32 = 141;

/// Prints a line on standard output, as `println!` does.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::say_line(::std::format_args!($($text)*)) };
}

/// Prints a line on standard error, as `eprintln!` does; if nobody can read it, it is left out.
#[macro_export]
macro_rules! tell {
    ($($text:tt)*) => { $crate::tell_line(::std::format_args!($($text)*)) };
}

/// Behind [`say!`].
pub fn say_line(line: Arguments<'_>) {
    if let Err(error) = writeln!(output(), "{line}") {
        tell_line(format_args!("standard output: {error}"));
        std::process::exit(1);
    }
}

/// Behind [`tell!`].
pub fn tell_line(line: Arguments<'_>) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// An error and what caused it, in one line. A cause that the error has told already is not told twice.
pub fn sentence(error: &(dyn std::error::Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !told.ends_with(&text) {
            told = format!("{told}: {text}");
        }
        cause = inner.source();
    }
    told
}

/// Standard output, for what is written rather than said in lines.
pub fn output() -> Output {
    Output(std::io::stdout())
}

/// See [`output`].
#[derive(Debug)]
pub struct Output(Stdout);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        ended_quietly(self.0.write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        ended_quietly(self.0.flush())
    }
}

fn ended_quietly<T>(outcome: Result<T>) -> Result<T> {
    if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(READER_GONE);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read it: {source}")]
    struct Told {
        source: std::io::Error,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("starting")]
    struct Untold {
        source: Told,
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = Untold { source: Told { source: std::io::Error::other("it is gone") } };
        assert_eq!(sentence(&error), "starting: cannot read it: it is gone");
    }
}
