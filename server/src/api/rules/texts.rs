//! `/api/v1/rules/file`: the text of a rule file that is in force, and its change where `alerting.save_rules` allows it.
//!
//! A change is checked as the evaluator will check it, takes the place of what its editor has read, and leaves what was there in a
//! folder. The evaluator finds the file changed within a second.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, put};
use serde_json::{Value, json};
use weir_alert::rules::{Weight, read_rules, rule_files};
use weir_identity::{Scope, TokenKeys};

use crate::api::auth::{Caller, guard};
use crate::api::query::Parameters;
use crate::api::saved::{History, etag, expected, is_expected, on_thread};
use crate::config::AlertingSettings;

/// The largest file that is changed; those of the field have a few hundred kilobytes.
const MOST_BYTES: usize = 2 << 20;

/// The rule files in force.
pub(crate) struct RuleTexts {
    folder: PathBuf,
    patterns: Vec<String>,
    interval: Duration,
    may_save: bool,
    /// Where texts go that are replaced.
    kept: PathBuf,
    /// One change at a time.
    turn: Mutex<()>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no rules are in force of a file {0:?}: /api/v1/rules names those that are")]
    Unknown(String),
    #[error("rule files are not changed from here: set alerting.save_rules, or change {0:?} where it is kept")]
    NotSaved(String),
    #[error("{0}")]
    Mistake(String),
    #[error("it was changed meanwhile: read it again, and save your changes over that")]
    Changed,
    #[error(transparent)]
    File(#[from] weir_files::Error),
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
}

/// The routes, each behind its scope.
pub(crate) fn routes<S>(texts: Arc<RuleTexts>, tokens: Option<&Arc<TokenKeys>>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let read = Router::new().route("/api/v1/rules/file", get(read)).with_state(texts.clone());
    let change = put(save).layer(DefaultBodyLimit::max(MOST_BYTES));
    let change = Router::new().route("/api/v1/rules/file", change).with_state(texts);
    guard(read, tokens.cloned(), Scope::AlertsRead).merge(guard(change, tokens.cloned(), Scope::Admin))
}

async fn read(State(texts): State<Arc<RuleTexts>>, RawQuery(url): RawQuery) -> Response {
    let file = file_of(url.as_deref());
    on_thread(refused, move || texts.read(&file)).await
}

/// With `If-Match` it is saved only if it is still what its editor had read.
async fn save(
    State(texts): State<Arc<RuleTexts>>,
    caller: Caller,
    RawQuery(url): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let file = file_of(url.as_deref());
    let expected = expected(&headers);
    on_thread(refused, move || {
        let saved = texts.save(&file, &body, expected.as_deref())?;
        let by = match &caller {
            Caller::Anyone => "anyone: there are no token keys",
            Caller::Bearer(claims) => &claims.subject,
        };
        tracing::info!(file, by, "a rule file was saved by the API");
        Ok(saved)
    })
    .await
}

fn file_of(url: Option<&str>) -> String {
    Parameters::of(url, &[]).get("file").unwrap_or_default().to_owned()
}

impl RuleTexts {
    pub(crate) fn new(settings: &AlertingSettings, folder: PathBuf, data: &Path) -> Self {
        let (patterns, interval, may_save) = (settings.rules.clone(), settings.interval, settings.save_rules);
        Self { folder, patterns, interval, may_save, kept: data.join("alerts").join("rules"), turn: Mutex::new(()) }
    }

    /// The path of a file in force. Others are nobody's business here.
    fn path(&self, file: &str) -> Result<PathBuf, Failure> {
        let mut files = rule_files(&self.folder, &self.patterns).into_iter();
        let found = files.find(|path| path.display().to_string() == file);
        let found = found.ok_or_else(|| Failure::Unknown(file.to_owned()))?;
        // A link stays one.
        found.canonicalize().map_err(|error| Failure::Io(file.to_owned(), error))
    }

    fn read(&self, file: &str) -> Result<Value, Failure> {
        let bytes = weir_files::read_if_there(&self.path(file)?)?;
        let bytes = bytes.ok_or_else(|| Failure::Unknown(file.to_owned()))?;
        Ok(self.told(file, &bytes, &[]))
    }

    fn save(&self, file: &str, bytes: &[u8], expected: Option<&str>) -> Result<Value, Failure> {
        let path = self.path(file)?;
        if !self.may_save {
            return Err(Failure::NotSaved(file.to_owned()));
        }
        let warnings = self.check(file, bytes)?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = weir_files::read_if_there(&path)?.ok_or_else(|| Failure::Unknown(file.to_owned()))?;
        if expected.is_some_and(|expected| !is_expected(expected, &before)) {
            return Err(Failure::Changed);
        }
        let mode = mode(&path);
        self.history(&path).keep(&before, mode)?;
        weir_files::replace(&path, bytes, mode)?;
        Ok(self.told(file, bytes, &warnings))
    }

    /// What is odd about a text; what is wrong keeps it from being saved.
    fn check(&self, file: &str, bytes: &[u8]) -> Result<Vec<String>, Failure> {
        let text = std::str::from_utf8(bytes).map_err(|_| Failure::Mistake(format!("{file}: this is not UTF-8")))?;
        let (groups, faults) = read_rules(file, text, self.interval);
        let of = |weight| {
            let faults = faults.iter().filter(move |fault| fault.weight == weight);
            faults.map(ToString::to_string).collect::<Vec<_>>()
        };
        let errors = of(Weight::Error);
        if groups.is_none() || !errors.is_empty() {
            return Err(Failure::Mistake(errors.join("\n")));
        }
        Ok(of(Weight::Warning))
    }

    /// What a file has been.
    fn history(&self, path: &Path) -> History {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Files of one name may be in several folders.
        let folder = self.kept.join(format!("{name}-{}", etag(path.as_os_str().as_encoded_bytes())));
        History { folder, ending: ".yml" }
    }

    fn told(&self, file: &str, bytes: &[u8], warnings: &[String]) -> Value {
        json!({
            "file": file, "text": String::from_utf8_lossy(bytes), "etag": etag(bytes), "may_save": self.may_save,
            "warnings": warnings,
        })
    }
}

/// Who may read a file may read what takes its place.
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).map_or(0o640, |data| data.permissions().mode() & 0o777)
}

/// A failure's status and reason.
fn refused(failure: &Failure) -> (StatusCode, &'static str) {
    match failure {
        Failure::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
        Failure::NotSaved(_) => (StatusCode::FORBIDDEN, "not_saved"),
        Failure::Mistake(_) => (StatusCode::BAD_REQUEST, "mistake"),
        Failure::Changed => (StatusCode::CONFLICT, "changed"),
        Failure::File(_) | Failure::Io(..) => (StatusCode::INTERNAL_SERVER_ERROR, "file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::saved::MOST_KEPT;
    use crate::api::testing::serve;

    struct Site {
        folder: tempfile::TempDir,
        address: std::net::SocketAddr,
        file: String,
    }

    const RULES: &str = "groups: [{name: g, rules: [{alert: High, expr: x > 5}]}]\n";

    impl Site {
        fn new(save_rules: bool) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a.yml"), RULES).unwrap();
            std::fs::write(folder.path().join("secret.txt"), "s").unwrap();
            let settings = AlertingSettings { rules: vec!["*.yml".into()], save_rules, ..Default::default() };
            let texts = RuleTexts::new(&settings, folder.path().to_owned(), &folder.path().join("data"));
            let file = folder.path().join("a.yml").display().to_string();
            Self { address: serve(routes(Arc::new(texts), None)), folder, file }
        }

        fn ask(&self, method: &str, file: &str, etag: Option<&str>, body: &str) -> (u16, Value) {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let url = format!("http://{}/api/v1/rules/file?file={file}", self.address);
            let mut request = ureq::http::Request::builder().method(method).uri(url);
            if let Some(etag) = etag {
                request = request.header("if-match", etag);
            }
            let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
            let text = answer.body_mut().read_to_string().unwrap();
            (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
        }

        fn kept(&self) -> Vec<String> {
            let files = rule_files(self.folder.path(), &["data/alerts/rules/*/*.yml".into()]);
            files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
        }
    }

    #[test]
    fn a_rule_file_is_saved_over_what_was_read_and_what_was_there_is_kept() {
        let site = Site::new(true);
        let (status, read) = site.ask("GET", &site.file, None, "");
        assert_eq!((status, &read["data"]["text"], &read["data"]["may_save"]), (200, &json!(RULES), &json!(true)));
        let (etag, higher) = (read["data"]["etag"].as_str(), RULES.replace('5', "6"));
        assert_eq!(site.ask("PUT", &site.file, etag, &higher).0, 200);
        assert_eq!(std::fs::read_to_string(&site.file).unwrap(), higher);
        assert_eq!(site.kept(), [RULES]);
        let (status, late) = site.ask("PUT", &site.file, etag, RULES);
        assert_eq!((status, &late["reason"]), (409, &json!("changed")));
        for number in 0..MOST_KEPT + 3 {
            assert_eq!(site.ask("PUT", &site.file, None, &RULES.replace('5', &number.to_string())).0, 200);
        }
        assert_eq!(site.kept().len(), MOST_KEPT);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_changes_nothing() {
        let site = Site::new(true);
        let (status, told) = site.ask("PUT", &site.file, None, &RULES.replace("x > 5", "x >"));
        assert_eq!((status, &told["reason"]), (400, &json!("mistake")));
        assert!(told["error"].as_str().unwrap().contains("a.yml:1:"), "{told}");
        assert_eq!(site.ask("PUT", &site.file, None, "groups: [").0, 400);
        assert_eq!(std::fs::read_to_string(&site.file).unwrap(), RULES);
        assert!(site.kept().is_empty());
    }

    #[test]
    fn only_files_in_force_are_read_and_only_by_leave_changed() {
        let site = Site::new(false);
        let (_, read) = site.ask("GET", &site.file, None, "");
        assert_eq!(read["data"]["may_save"], false);
        let (status, told) = site.ask("PUT", &site.file, None, RULES);
        assert_eq!((status, &told["reason"]), (403, &json!("not_saved")));
        let secret = site.folder.path().join("secret.txt").display().to_string();
        let around = format!("{}/../secret.txt", site.folder.path().join("a.yml").display());
        for other in ["", "a.yml", &secret, &around] {
            assert_eq!(site.ask("GET", other, None, "").0, 404, "{other}");
        }
    }

    #[test]
    fn a_link_stays_a_link() {
        let site = Site::new(true);
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("real"), RULES).unwrap();
        let link = site.folder.path().join("b.yml");
        std::os::unix::fs::symlink(elsewhere.path().join("real"), &link).unwrap();
        let higher = RULES.replace('5', "7");
        assert_eq!(site.ask("PUT", &link.display().to_string(), None, &higher).0, 200);
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(elsewhere.path().join("real")).unwrap(), higher);
    }

    #[test]
    fn who_only_reads_alerts_changes_no_rule() {
        use crate::api::testing::{Issuer, ask};
        let (site, issuer) = (Site::new(true), Issuer::new());
        let settings = AlertingSettings { rules: vec!["*.yml".into()], save_rules: true, ..Default::default() };
        let folder = site.folder.path();
        let texts = RuleTexts::new(&settings, folder.to_owned(), &folder.join("data"));
        let address = serve(routes(Arc::new(texts), Some(&issuer.tokens())));
        let path = format!("/api/v1/rules/file?file={}", site.file);
        let token = |scope| {
            let claims = weir_identity::Claims {
                subject: "ann".into(),
                tenant: 0,
                scopes: vec![scope],
                not_before: None,
                expires: u64::try_from(crate::clock::now().millis() / 1_000).unwrap() + 60,
                max_series: None,
                labels: Default::default(),
            };
            format!("Bearer {}", weir_identity::issue(&claims, &issuer.key).unwrap())
        };
        let (reads, operates) = (token(Scope::AlertsRead), token(Scope::Admin));
        assert_eq!(ask(&address, "GET", &path, Some(&reads), "").0, 200);
        assert_eq!(ask(&address, "GET", &path, None, "").0, 401);
        let put = |token: &str| {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let request = agent.put(format!("http://{address}{path}")).header("authorization", token);
            request.send(RULES.replace('5', "6")).unwrap().status().as_u16()
        };
        assert_eq!((put(&reads), std::fs::read_to_string(&site.file).unwrap()), (403, RULES.to_owned()));
        assert_eq!(put(&operates), 200);
    }
}
