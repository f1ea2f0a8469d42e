//! Where in a file a part of a value stands: YAML folds, indents and escapes, so it is found by walking both.

use serde_saphyr::{Location, Spanned};

use super::fault::Place;

/// A text of a file and where it stands.
pub(crate) type Text = Spanned<String>;

/// The place of a whole value.
pub(crate) fn place<T>(value: &Spanned<T>) -> Place {
    of_location(value.defined)
}

pub(crate) fn of_location(location: Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

/// The place of the byte `offset` of a value, in the file's text.
pub(crate) fn place_within(file: &str, value: &Text, offset: usize) -> Place {
    let start = place(value);
    let Some(mut from) = byte_of(file, start) else { return start };
    let style = file[from..].chars().next().unwrap_or_default();
    match style {
        '|' | '>' => from += file[from..].find('\n').map_or(0, |end| end + 1),
        '"' | '\'' => from += 1,
        _ => {}
    }
    let mut raw = file[from..].char_indices().peekable();
    for (at, c) in value.value.char_indices() {
        // Blanks may be folded, and what is no part of the value (an indentation, an escape's first character) is passed over.
        while raw
            .peek()
            .is_some_and(|&(_, r)| if c.is_whitespace() { at >= offset && r.is_whitespace() } else { r != c })
        {
            raw.next();
        }
        if at >= offset {
            break;
        }
        if c.is_whitespace() {
            while raw.peek().is_some_and(|(_, r)| r.is_whitespace()) {
                raw.next();
            }
        } else {
            raw.next();
        }
    }
    let end = raw.peek().map_or(file.len(), |(at, _)| from + at);
    let line = file[..end].rfind('\n').map_or(0, |newline| newline + 1);
    Place { line: 1 + file[..end].matches('\n').count() as u64, column: 1 + file[line..end].chars().count() as u64 }
}

fn byte_of(file: &str, place: Place) -> Option<usize> {
    let line = file.split_inclusive('\n').nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let within = line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column)?;
    Some(line.as_ptr() as usize - file.as_ptr() as usize + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line and column of `part` in the value of `x`.
    fn check(file: &str, part: &str, line: u64, column: u64) {
        #[derive(serde::Deserialize)]
        struct File {
            x: Text,
        }
        let read: File = serde_saphyr::from_str(file).unwrap();
        let offset = read.x.value.find(part).unwrap();
        assert_eq!(place_within(file, &read.x, offset), Place { line, column }, "{part} in {file:?}");
    }

    #[test]
    fn parts_of_values_are_found() {
        check("x: up == 0\n", "up", 1, 4);
        check("x: up == 0\n", "0", 1, 10);
        check("a: 1\nx: 'up == 0'\n", "==", 2, 8);
        check("x: \"a \\\"b\\\" c\"\n", "c", 1, 13);
        check("x: |\n  sum(\n    foo\n  )\n", "foo", 3, 5);
        check("x: |\n  sum(\n    foo\n  )\n", ")", 4, 3);
        check("x: >-\n  sum(up)\n  > 1\n", "> 1", 3, 3);
        check("x: up\n  == 1\n", "== 1", 2, 3);
        check("x: 'é' \n", "é", 1, 5);
    }
}
