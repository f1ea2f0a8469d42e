//! Values as lines of StatsD, for callers that have no text.

use std::fmt::Write;

/// One line: `name:value|type|#tag:value,…`. What would end a part of the line early becomes `_`.
pub(crate) fn line(name: &str, value: &str, kind: &str, tags: &[(&str, &str)]) -> String {
    let mut line = String::with_capacity(64);
    push(&mut line, name);
    line.push(':');
    push(&mut line, value);
    line.push('|');
    line.push_str(kind);
    for (at, (tag, value)) in tags.iter().enumerate() {
        line.push_str(if at == 0 { "|#" } else { "," });
        push(&mut line, tag);
        line.push(':');
        line.extend(value.chars().map(|char| if ends_value(char) { '_' } else { char }));
    }
    line
}

/// Lines that set a gauge. A sign before a number would adjust it, so it is set to zero before it goes below.
pub(crate) fn gauge(name: &str, value: f64, tags: &[(&str, &str)]) -> String {
    let mut lines = String::new();
    if value.is_sign_negative() {
        lines = line(name, "0", "g", tags) + "\n";
    }
    // A string can always be written to.
    let _ = write!(lines, "{}", line(name, &value.to_string(), "g", tags));
    lines
}

fn push(line: &mut String, part: &str) {
    let ends = |char| matches!(char, ':' | ';' | '=' | '#' | '[' | ']') || ends_value(char);
    line.extend(part.chars().map(|char| if ends(char) { '_' } else { char }));
}

fn ends_value(char: char) -> bool {
    matches!(char, '|' | ',') || char.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_parts() {
        let check = |name, value, tags: &[(&str, &str)], expected: &str| {
            assert_eq!(line(name, value, "c", tags), expected);
        };
        check("jobs.done", "1", &[], "jobs.done:1|c");
        check("a:b|c", "1\n2", &[("x,y", "u:v,w"), ("z", "1|2")], "a_b_c:1_2|c|#x_y:u:v_w,z:1_2");
        assert_eq!(gauge("level", 3.5, &[]), "level:3.5|g");
        assert_eq!(gauge("level", -3.5, &[("a", "b")]), "level:0|g|#a:b\nlevel:-3.5|g|#a:b");
    }
}
