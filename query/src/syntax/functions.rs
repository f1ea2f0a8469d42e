//! Which functions there are, what they take and what they give.

use super::value_type::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub arg_types: &'static [ValueType],
    /// How many of the last kind may be left out or added.
    pub variadic: Variadic,
    /// What it gives.
    pub return_type: ValueType,
}

/// How many arguments a function takes beside those that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variadic {
    /// None, and all of its own.
    No,
    /// The last may be left out, and come so many times in all.
    UpTo(usize),
    /// The last may be left out, or come as often as one likes.
    Any,
}

/// The function of this name.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const fn of(
    name: &'static str,
    arg_types: &'static [ValueType],
    variadic: Variadic,
    return_type: ValueType,
) -> Function {
    Function { name, arg_types, variadic, return_type }
}

const fn vector(name: &'static str) -> Function {
    of(name, &[Vector], Variadic::No, Vector)
}

const fn over_time(name: &'static str) -> Function {
    of(name, &[Matrix], Variadic::No, Vector)
}

/// The step's own time if there is no argument.
const fn calendar(name: &'static str) -> Function {
    of(name, &[Vector], Variadic::UpTo(1), Vector)
}

const fn number(name: &'static str) -> Function {
    of(name, &[], Variadic::No, Scalar)
}

static FUNCTIONS: &[Function] = &[
    vector("abs"),
    vector("absent"),
    over_time("absent_over_time"),
    vector("acos"),
    vector("acosh"),
    vector("asin"),
    vector("asinh"),
    vector("atan"),
    vector("atanh"),
    over_time("avg_over_time"),
    vector("ceil"),
    over_time("changes"),
    of("clamp", &[Vector, Scalar, Scalar], Variadic::No, Vector),
    of("clamp_max", &[Vector, Scalar], Variadic::No, Vector),
    of("clamp_min", &[Vector, Scalar], Variadic::No, Vector),
    vector("cos"),
    vector("cosh"),
    over_time("count_over_time"),
    calendar("days_in_month"),
    calendar("day_of_month"),
    calendar("day_of_week"),
    calendar("day_of_year"),
    vector("deg"),
    over_time("delta"),
    over_time("deriv"),
    of("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Variadic::No, Vector),
    number("end"),
    vector("exp"),
    over_time("first_over_time"),
    vector("floor"),
    vector("histogram_avg"),
    vector("histogram_count"),
    of("histogram_fraction", &[Scalar, Scalar, Vector], Variadic::No, Vector),
    of("histogram_quantile", &[Scalar, Vector], Variadic::No, Vector),
    of("histogram_quantiles", &[Vector, String, Scalar, Scalar], Variadic::UpTo(9), Vector),
    vector("histogram_stddev"),
    vector("histogram_stdvar"),
    vector("histogram_sum"),
    of("holt_winters", &[Matrix, Scalar, Scalar], Variadic::No, Vector),
    calendar("hour"),
    over_time("idelta"),
    over_time("increase"),
    of("info", &[Vector, Vector], Variadic::UpTo(1), Vector),
    of("integral", &[Matrix, Scalar], Variadic::UpTo(1), Vector),
    over_time("irate"),
    of("label_join", &[Vector, String, String, String], Variadic::Any, Vector),
    of("label_replace", &[Vector, String, String, String, String], Variadic::No, Vector),
    over_time("last_over_time"),
    vector("ln"),
    vector("log10"),
    vector("log2"),
    over_time("mad_over_time"),
    of("max_of", &[Scalar, Scalar], Variadic::No, Scalar),
    over_time("max_over_time"),
    of("min_of", &[Scalar, Scalar], Variadic::No, Scalar),
    over_time("min_over_time"),
    calendar("minute"),
    calendar("month"),
    number("pi"),
    of("predict_linear", &[Matrix, Scalar], Variadic::No, Vector),
    over_time("present_over_time"),
    of("quantile_over_time", &[Scalar, Matrix], Variadic::No, Vector),
    vector("rad"),
    number("range"),
    over_time("rate"),
    over_time("resets"),
    of("round", &[Vector, Scalar], Variadic::UpTo(1), Vector),
    of("scalar", &[Vector], Variadic::No, Scalar),
    vector("sgn"),
    vector("sin"),
    vector("sinh"),
    vector("sort"),
    vector("sort_desc"),
    of("sort_by_label", &[Vector, String], Variadic::Any, Vector),
    of("sort_by_label_desc", &[Vector, String], Variadic::Any, Vector),
    vector("sqrt"),
    number("start"),
    vector("start_timestamp"),
    over_time("stddev_over_time"),
    over_time("stdvar_over_time"),
    number("step"),
    over_time("sum_over_time"),
    vector("tan"),
    vector("tanh"),
    number("time"),
    vector("timestamp"),
    over_time("ts_of_first_over_time"),
    over_time("ts_of_last_over_time"),
    over_time("ts_of_max_over_time"),
    over_time("ts_of_min_over_time"),
    of("vector", &[Scalar], Variadic::No, Vector),
    calendar("year"),
];
