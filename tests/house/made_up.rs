//! Small made-up crates, one for each way of breaking a limit.

use tempfile::TempDir;

use crate::folder::Crate;
use crate::{faults, median_fault, stale_tables};

/// A crate of these files.
fn made_up(files: &[(&str, &str)]) -> Crate {
    let root = TempDir::new().unwrap();
    for (path, text) in files {
        let path = root.path().join("a/src").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Crate::read(root.path(), "a")
}

fn told(files: &[(&str, &str)]) -> String {
    faults(&made_up(files), &[]).join("\n")
}

#[test]
fn a_crowded_folder_is_told() {
    let names: Vec<String> = (0..16).map(|n| format!("room/f{n}.rs")).collect();
    let crowd: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(told(&crowd), "a/src/room/ has 16 files, over 15");
    let fifteen =
        [&crowd[1..], &[("room/mod.rs", ""), ("room/tests.rs", ""), ("room/f_tests.rs", ""), ("lib.rs", "")]].concat();
    assert_eq!(told(&fifteen), "");
}

#[test]
fn a_long_file_is_told() {
    assert_eq!(told(&[("lib.rs", &"\n".repeat(451))]), "a/src/lib.rs has 451 lines, over 450");
    assert_eq!(told(&[("lib.rs", &"\n".repeat(450))]), "");
}

#[test]
fn the_median_is_told() {
    let sizes = |sizes: &[usize]| {
        let texts: Vec<(String, String)> = sizes.iter().map(|n| (format!("f{n}.rs"), "\n".repeat(*n))).collect();
        made_up(&texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
    };
    assert_eq!(median_fault(&[sizes(&[1, 110, 400])]), None);
    let fault = median_fault(&[sizes(&[1, 111]), sizes(&[400])]);
    assert_eq!(fault.as_deref(), Some("the median file has 111 lines, over 110"));
}

#[test]
fn a_long_function_is_told_unless_it_is_listed() {
    let text = |lines: usize| format!("fn f(\n) -> [u8; 2] {{{}}}\nfn g() {{}}\n", "\n".repeat(lines - 2));
    let long = made_up(&[("lib.rs", &text(61))]);
    assert_eq!(faults(&long, &[]).join("\n"), "a/src/lib.rs: f() has 61 lines, over 60");
    let listed = [("a/src/lib.rs", "f", "a table")];
    assert!(faults(&long, &listed).is_empty());
    assert!(stale_tables(&[long], &listed).is_empty());
    let short = made_up(&[("lib.rs", &text(60))]);
    assert!(faults(&short, &[]).is_empty());
    assert_eq!(stale_tables(&[short], &listed).len(), 1, "a line that excuses nothing is told");
}

#[test]
fn two_files_that_import_each_other_are_told() {
    let circle = told(&[
        ("lib.rs", "mod x; mod y;"),
        ("x.rs", "use crate::y::Y; pub struct X(Y);"),
        ("y.rs", "pub struct Y; fn f(_: super::x::X) {}"),
    ]);
    assert!(circle.contains("a/src/x.rs takes Y from a/src/y.rs"), "{circle}");
    assert!(circle.contains("a/src/y.rs takes X from a/src/x.rs"), "{circle}");
}

#[test]
fn names_are_followed_through_re_exports_aliases_and_globs() {
    for user in [
        "use crate::Y;",
        "use crate::y::*; fn f(_: Y) {}",
        "use crate::y; fn f(_: y::Y) {}",
        "use crate::{y as z}; fn f(_: z::Y) {}",
        "fn f(_: crate::Y) {}",
        "use super::y::Y as B;",
    ] {
        let circle = told(&[
            ("lib.rs", "mod x; mod y; pub use y::Y;"),
            ("x.rs", &format!("{user} pub struct X;")),
            ("y.rs", "use crate::x::X; pub struct Y;"),
        ]);
        assert!(circle.starts_with("circle of 2 files"), "{user}: {circle}");
    }
}

#[test]
fn a_room_that_passes_its_childrens_names_on_is_in_no_circle_with_them() {
    let room = |own: &str, child: &str| {
        told(&[
            ("lib.rs", "mod room;"),
            ("room/mod.rs", &format!("mod a; mod b; pub use a::A; {own}")),
            ("room/a.rs", &format!("{child} pub struct A;")),
            ("room/b.rs", "use super::A; pub struct B;"),
        ])
    };
    assert_eq!(room("", ""), "");
    assert_eq!(room("", "use super::b::B;").matches("takes").count(), 2, "a and b import each other");
    assert_eq!(room("pub struct Room(u8);", "use super::Room;"), "", "the room uses no child");
    assert!(room("pub struct Room(A);", "use super::Room;").contains("room/mod.rs takes A from a/src/room/a.rs"));
    assert!(room("pub struct Room(b::B);", "use super::Room;").contains("circle of 3 files"));
}

#[test]
fn tests_and_foreign_crates_are_in_no_circle() {
    let two = |x: &str| {
        told(&[
            ("lib.rs", "mod x; mod y;"),
            ("x.rs", x),
            ("y.rs", "use crate::x::X; pub struct Y;"),
            ("x_tests.rs", "use crate::y::Y;"),
        ])
    };
    assert_eq!(two("pub struct X; #[cfg(test)] mod tests { use crate::y::Y; }"), "");
    assert_eq!(two("pub struct X; // use crate::y::Y;\nconst T: &str = \"crate::y::Y\";"), "");
    assert_eq!(two("use other::y::Y; pub struct X;"), "");
    assert!(!two("pub struct X; fn f() { use crate::y::Y; }").is_empty());
}
