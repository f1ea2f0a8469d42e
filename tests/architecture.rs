//! Promise: every path that ARCHITECTURE.md names exists.

use std::path::Path;

#[test]
fn every_path_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let quoted = text.split('`').skip(1).step_by(2);
    let paths: Vec<&str> = quoted.filter(|word| word.contains('/') && !word.contains([' ', '*', '<', ':'])).collect();
    let missing: Vec<_> = paths.iter().filter(|path| !path.starts_with('/') && !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
    assert!(paths.len() > 20, "ARCHITECTURE.md names only {} paths", paths.len());
}
