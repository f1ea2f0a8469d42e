//! What the files that the configuration names hold: looked at as the running agent would, for `weir-agent check`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use weir_link::{Alpn, ClientTls, SessionRequest};

use super::scrape::Scrape;
use super::settings::Config;
use crate::uplink::{read_fleet_key, read_token};

impl Config {
    /// What is wrong with files, one sentence for each. Empty: the agent can use them all.
    pub(super) fn wrong_files(&self, now: SystemTime) -> Vec<String> {
        let keys = self.keys.as_deref().map(|path| read_fleet_key(path).map(drop));
        let token = self.token.as_deref().map(|path| token(path, now));
        let tls = self.tls().map(|files| ClientTls::load(&files, Alpn::Batches).map(drop).map_err(anyhow::Error::from));
        let state = Some(state_folder(&self.state));
        let targets = self.scrape.iter().flat_map(|scrape| &scrape.files).map(|path| target_file(path));
        let clients = self.scrape.iter().map(client);
        let logs = self.access_log.iter().map(|log| log_folder(&log.path));
        let all = [keys, token, tls, state].into_iter().flatten().chain(targets).chain(clients).chain(logs);
        all.filter_map(Result::err).map(|error| weir_files::sentence(error.as_ref())).collect()
    }
}

/// The server alone can tell whose a token is; here it is one, and has not ended.
fn token(path: &Path, now: SystemTime) -> Result<()> {
    let end = SessionRequest::end_of(&read_token(path)?).with_context(|| path.display().to_string())?;
    let late = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().checked_sub(end);
    late.map_or(Ok(()), |late| {
        bail!("{}: the token expired {late} s ago; ask its issuer for a new one", path.display())
    })
}

/// The agent makes the folder if it is not there.
fn state_folder(path: &Path) -> Result<()> {
    ensure!(!path.exists() || path.is_dir(), "state: {} is no folder", path.display());
    Ok(())
}

fn target_file(path: &Path) -> Result<()> {
    let mut wrong = Ok(());
    weir_discovery::Files::default().groups(path, |why| wrong = Err(anyhow!("{}: {why}", path.display())));
    wrong.context("scrape: reading targets")
}

/// Who asks a job's targets, and whom it trusts.
fn client(scrape: &Scrape) -> Result<()> {
    let settings = scrape.client();
    settings.fault().map_or(Ok(()), |fault| bail!("scrape {:?}: {fault}", scrape.job))?;
    let client = weir_fetch::Client::new(&settings).and_then(|client| client.check());
    client.map_err(|why| anyhow!("scrape {:?}: {why}", scrape.job))
}

/// The log itself may come later, with the first request.
fn log_folder(path: &Path) -> Result<()> {
    if path.exists() {
        // What is no file, such as a pipe, could keep whoever opens it for ever.
        ensure!(path.is_file(), "access_log: {} is no file", path.display());
        let opened = std::fs::File::open(path).map(drop);
        return opened.with_context(|| format!("access_log: reading {}", path.display()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let listed = std::fs::read_dir(folder).map(drop);
    listed.with_context(|| format!("access_log: looking for {} in {}", path.display(), folder.display()))
}
