//! `weir query`: one PromQL question to a running server, answered for a person, a script or a spreadsheet.

mod answer;
mod csv;
mod distribution;
pub(crate) mod fault;
mod plot;
mod table;
pub(crate) mod times;

use std::io::Write;

use anyhow::{Context, Result};
use serde_json::Value;
use weir_files::{output, say, tell};

use super::ask::At;
use answer::Series;
use times::Span;

#[derive(clap::Args)]
pub(crate) struct QueryArgs {
    /// PromQL expression
    promql: String,
    #[command(flatten)]
    span: Span,
    /// How the answer is printed [default: table]
    #[arg(short, long, value_enum, value_name = "FORM")]
    output: Option<Form>,
    /// The same as -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// In columns, for a person
    Table,
    /// The API's answer as it is
    Json,
    /// A line for each sample, with a column for each label
    Csv,
    /// A curve for each series, as wide as the terminal
    Plot,
}

/// The question was right, and nothing answers to it. A script may want to know that from a fault.
#[derive(Debug, thiserror::Error)]
#[error("no series")]
pub(crate) struct NoSeries;

impl NoSeries {
    pub(crate) const EXIT_CODE: u8 = 4;
}

pub(crate) fn main(args: &QueryArgs) -> Result<()> {
    let form = if args.json { Form::Json } else { args.output.unwrap_or(Form::Table) };
    let (server, now) = (args.at.server()?, crate::clock::now());
    let answer = match args.span.range(now, form == Form::Plot)? {
        Some(range) => server.range(&args.promql, range),
        None => server.instant(&args.promql, args.span.instant(now)?),
    };
    let answer = answer.map_err(|error| fault::shown(&args.promql, error))?;
    for kind in ["warnings", "infos"] {
        let told = answer[kind].as_array().into_iter().flatten().filter_map(Value::as_str);
        told.for_each(|text| tell!("weir: {text}"));
    }
    print(form, &answer).context("writing to standard output")?;
    let nothing = answer["data"]["result"].as_array().is_some_and(Vec::is_empty);
    if nothing { Err(NoSeries.into()) } else { Ok(()) }
}

fn print(form: Form, answer: &Value) -> std::io::Result<()> {
    if form == Form::Json {
        say!("{answer}");
        return Ok(());
    }
    let series = Series::all(&answer["data"]);
    let text = match form {
        Form::Csv => csv::text(&series),
        Form::Plot => plot::text(&series, plot::width()),
        _ => table::text(&series),
    };
    output().write_all(text.as_bytes())?;
    output().flush()
}
