//! Secrets, read where they are needed and shown nowhere.

use std::path::Path;

use weir_alert::routing::Secret;
use weir_files::read_secret;

use crate::message::Source;

/// The text, or what the file holds now.
pub(super) fn reveal(source: &Source) -> Result<Secret, String> {
    match source {
        Source::Text(secret) => Ok(secret.clone()),
        Source::File(path) => {
            let text = read_secret(Path::new(path)).map_err(|error| error.to_string())?;
            Ok(Secret::from(text.trim().to_owned()))
        }
    }
}
