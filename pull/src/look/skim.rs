//! A page read for its values alone: its shape, which is all of it but them, tells whether it has the series of the page before.

use weir_formats::text::Form;
use xxhash_rust::xxh3::Xxh3;

/// The shape of a page, and the values of its samples in their order; none if a line is not a series, a blank and a value. A page
/// with exemplars or times has none: they change with every look, and are read only where all of it is.
pub(super) fn skim(text: &str, form: Form, values: &mut Vec<f64>) -> Option<u64> {
    values.clear();
    let mut shape = Xxh3::with_seed(form as u64);
    for line in text.lines() {
        if line.starts_with('#') || line.is_empty() {
            shape.update(line.as_bytes());
        } else {
            let (series, value) = line.split_at(line.rfind(' ')? + 1);
            if !is_series(series.trim_ascii_end()) {
                return None;
            }
            values.push(value.parse().ok()?);
            shape.update(series.as_bytes());
        }
        // A line's end is a part of it, or two lines could stand for another two.
        shape.update(b"\n");
    }
    Some(shape.digest())
}

/// Whether what stands before the last number of a line that can be read is a series, so that the number is its value. If a value
/// stands there, the number may be a time, or one of an exemplar.
fn is_series(text: &str) -> bool {
    if !text.ends_with('}') {
        return !text.contains(|c: char| c == '{' || c.is_ascii_whitespace());
    }
    // A label may say so, too; its page is read in full.
    !text.split('#').skip(1).any(|rest| rest.trim_ascii_start().starts_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Option<u64> {
        skim(text, Form::Text, &mut Vec::new())
    }

    #[test]
    fn values_are_no_part_of_a_shape_and_all_else_is() {
        let mut values = Vec::new();
        let page = "# TYPE a counter\na{b=\"c d\"} 1\na{b=\"e\"} +Inf\n";
        let known = skim(page, Form::Text, &mut values);
        assert!(known.is_some());
        assert_eq!(values, [1.0, f64::INFINITY]);
        assert_eq!(shape("# TYPE a counter\na{b=\"c d\"} 2e3\na{b=\"e\"} NaN\n"), known);
        for other in [
            "# TYPE a gauge\na{b=\"c d\"} 1\na{b=\"e\"} 2\n",
            "# TYPE a counter\na{b=\"c d\"} 1\n",
            "# TYPE a counter\na{b=\"c d\"} 1 17\na{b=\"e\"} 2\n",
            "# TYPE a counter\na{b=\"e\"} 1\na{b=\"c d\"} 2\n",
        ] {
            assert_ne!(shape(other), known, "{other}");
        }
        assert_ne!(skim(page, Form::OpenMetrics, &mut values), known);
        assert_ne!(shape("a{b=\"#c\"}  1\n{\"a b\",c=\"d\"} 2\n"), None);
        assert_eq!(shape("a\t1\n"), None);
        assert_eq!(shape("a x\n"), None);
    }

    #[test]
    fn a_number_behind_a_value_is_not_taken_for_it() {
        for line in [
            "a 1 # {t=\"x\"} 1",
            "a{b=\"c\"} 1 # {t=\"x\"} 1",
            "a{b=\"c\"} 1 # {t=\"x\"} 1 1",
            "a{b=\"c\"} 1 1 # {} 1",
            "a{b=\"c\"}\t1\t#{t=\"x\"} 1",
            "a{b=\"c\"} 1 1",
            "a{b=\"c\"}1 1",
            "a 1 1",
            "a\t1 1",
        ] {
            assert_eq!(skim(line, Form::OpenMetrics, &mut Vec::new()), None, "{line}");
        }
    }
}
