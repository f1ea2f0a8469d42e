//! `/api/v1/dashboards`: dashboards as Grafana's classic JSON, those that come with Weir and those of a folder; read with the scope
//! `read`, changed with `admin`.

mod folder;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, put};
use serde_json::{Value, json};
use weir_identity::{Scope, TokenKeys};

use super::auth::guard;
use super::saved::{expected, on_thread};
pub(crate) use folder::Folder;
use folder::{Dashboard, Failure, Mistake};
pub(crate) use settings::ConsoleSettings;

/// The largest dashboard; Grafana's own largest are some hundred kilobytes.
const MOST_BYTES: usize = 2 << 20;

/// The routes, each behind its scope.
pub(crate) fn routes<S>(folder: Arc<Folder>, tokens: Option<&Arc<TokenKeys>>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let read = Router::new()
        .route("/api/v1/dashboards", get(list))
        .route("/api/v1/dashboards/{name}", get(read))
        .route("/api/v1/dashboards/{name}/versions", get(versions))
        .route("/api/v1/dashboards/{name}/versions/{version}", get(read_version))
        .with_state(folder.clone());
    let change = Router::new()
        .route("/api/v1/dashboards/{name}", put(save).delete(remove))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(folder);
    guard(read, tokens.cloned(), Scope::Read).merge(guard(change, tokens.cloned(), Scope::Admin))
}

async fn list(State(folder): State<Arc<Folder>>) -> Response {
    on_thread(refused, move || {
        let all = folder.all()?;
        let one = |dashboard: &Dashboard| {
            json!({
                "name": dashboard.name, "title": dashboard.title(), "tags": dashboard.tags(),
                "shipped": dashboard.is_shipped, "mistake": dashboard.mistake.as_ref().map(told),
            })
        };
        Ok(json!(all.iter().map(one).collect::<Vec<_>>()))
    })
    .await
}

async fn read(State(folder): State<Arc<Folder>>, Path(name): Path<String>) -> Response {
    on_thread(refused, move || folder.read(&name).map(|dashboard| described(&dashboard))).await
}

async fn versions(State(folder): State<Arc<Folder>>, Path(name): Path<String>) -> Response {
    on_thread(refused, move || folder.versions(&name).map(|versions| json!(versions))).await
}

async fn read_version(State(folder): State<Arc<Folder>>, Path((name, version)): Path<(String, u64)>) -> Response {
    on_thread(refused, move || {
        folder.version(&name, version).map(|text| json!({ "name": name, "version": version, "text": text }))
    })
    .await
}

/// With `If-Match` it is saved only if it is still what its editor had read.
async fn save(
    State(folder): State<Arc<Folder>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let expected = expected(&headers);
    on_thread(refused, move || folder.save(&name, &body, expected.as_deref()).map(|dashboard| described(&dashboard)))
        .await
}

async fn remove(State(folder): State<Arc<Folder>>, Path(name): Path<String>) -> Response {
    on_thread(refused, move || folder.remove(&name).map(|()| Value::Null)).await
}

fn described(dashboard: &Dashboard) -> Value {
    json!({
        "name": dashboard.name, "shipped": dashboard.is_shipped, "text": dashboard.text, "etag": dashboard.etag,
        "mistake": dashboard.mistake.as_ref().map(told),
    })
}

fn told(mistake: &Mistake) -> Value {
    json!({ "file": mistake.file, "line": mistake.line, "column": mistake.column, "text": mistake.text })
}

/// A failure's status and reason.
fn refused(failure: &Failure) -> (StatusCode, &'static str) {
    match failure {
        Failure::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
        Failure::Name(_) => (StatusCode::BAD_REQUEST, "name"),
        Failure::Mistake(_) => (StatusCode::BAD_REQUEST, "mistake"),
        Failure::Changed => (StatusCode::CONFLICT, "changed"),
        Failure::File(_) => (StatusCode::INTERNAL_SERVER_ERROR, "file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::serve;

    struct Site {
        folder: tempfile::TempDir,
        address: std::net::SocketAddr,
    }

    impl Site {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let address = serve(routes(Arc::new(Folder::new(folder.path().join("boards"))), None));
            Self { folder, address }
        }

        fn ask(&self, method: &str, path: &str, etag: Option<&str>, body: &str) -> (u16, Value) {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let url = format!("http://{}/api/v1/dashboards{path}", self.address);
            let mut request = ureq::http::Request::builder().method(method).uri(url);
            if let Some(etag) = etag {
                request = request.header("if-match", etag);
            }
            let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
            let text = answer.body_mut().read_to_string().unwrap();
            (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
        }
    }

    fn board(title: &str) -> String {
        format!("{{\"title\": \"{title}\", \"panels\": []}}")
    }

    #[test]
    fn a_dashboard_is_saved_read_listed_and_has_its_versions() {
        let site = Site::new();
        let (status, first) = site.ask("PUT", "/web", None, &board("Web"));
        assert_eq!((status, &first["data"]["text"]), (200, &json!(board("Web"))));
        site.ask("PUT", "/web", first["data"]["etag"].as_str(), &board("Web 2"));
        let (status, late) = site.ask("PUT", "/web", first["data"]["etag"].as_str(), &board("Web 3"));
        assert_eq!((status, late["reason"].as_str()), (409, Some("changed")));
        assert_eq!(site.ask("GET", "/web", None, "").1["data"]["text"], board("Web 2"));
        let (_, versions) = site.ask("GET", "/web/versions", None, "");
        let versions = versions["data"].as_array().unwrap().clone();
        let texts = versions.iter().map(|version| site.ask("GET", &format!("/web/versions/{version}"), None, "").1);
        let texts: Vec<_> = texts.map(|one| one["data"]["text"].clone()).collect();
        assert_eq!(texts, [board("Web 2"), board("Web")], "newest first");
        let (_, list) = site.ask("GET", "", None, "");
        let listed = |name: &str| list["data"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
        assert_eq!(listed("web").unwrap()["title"], "Web 2");
        assert_eq!(listed("host").unwrap()["shipped"], true);
        assert_eq!(site.ask("DELETE", "/web", None, "").0, 200);
        assert_eq!(site.ask("GET", "/web", None, "").0, 404);
    }

    #[test]
    fn a_bad_file_is_told_with_its_place_and_the_last_good_one_stays() {
        let site = Site::new();
        site.ask("PUT", "/web", None, &board("Web"));
        let file = site.folder.path().join("boards/web.json");
        std::fs::write(&file, "{\n  \"title\": \"Web\",\n  \"panels\": [}\n").unwrap();
        let (status, answer) = site.ask("GET", "/web", None, "");
        let mistake = &answer["data"]["mistake"];
        assert_eq!((status, &answer["data"]["text"]), (200, &json!(board("Web"))));
        assert_eq!((&mistake["file"], &mistake["line"]), (&json!(file.display().to_string()), &json!(3)));
        // The same after a restart: the history has it.
        let again = Folder::new(site.folder.path().join("boards"));
        assert_eq!(again.read("web").unwrap().text, board("Web"));
        let (status, refused) = site.ask("PUT", "/web", None, "{\n\"panels\": 1}");
        assert_eq!((status, refused["reason"].as_str()), (400, Some("mistake")));
    }

    #[test]
    fn what_was_changed_by_hand_has_a_version_too() {
        let site = Site::new();
        site.ask("PUT", "/web", None, &board("Web"));
        std::fs::write(site.folder.path().join("boards/web.json"), board("By hand")).unwrap();
        site.ask("PUT", "/web", None, &board("Web 3"));
        let (_, versions) = site.ask("GET", "/web/versions", None, "");
        assert_eq!(versions["data"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn a_shipped_one_is_laid_over_and_comes_back() {
        let site = Site::new();
        let (_, shipped) = site.ask("GET", "/host", None, "");
        assert_eq!(shipped["data"]["shipped"], true);
        let etag = shipped["data"]["etag"].as_str();
        assert_eq!(site.ask("PUT", "/host", etag, &board("Mine")).0, 200);
        assert_eq!(site.ask("GET", "/host", None, "").1["data"]["shipped"], false);
        assert_eq!(site.ask("DELETE", "/host", None, "").0, 200);
        assert_eq!(site.ask("GET", "/host", None, "").1["data"]["text"], shipped["data"]["text"]);
        assert_eq!(site.ask("DELETE", "/host", None, "").0, 404, "what is shipped is not removed");
    }

    #[test]
    fn every_question_of_what_is_shipped_is_promql() {
        let folder = tempfile::tempdir().unwrap();
        let all = Folder::new(folder.path().to_owned()).all().unwrap();
        assert_eq!(all.len(), 6);
        let mut questions = 0;
        for dashboard in all {
            let board: Value = serde_json::from_str(&dashboard.text).unwrap();
            let targets = board["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array());
            for target in targets.flatten() {
                let values = [("$__rate_interval", "1m"), ("$window", "1m"), ("$quantile", "0.9"), ("$metric", "x")];
                let text = target["expr"].as_str().unwrap().to_owned();
                let text = values.iter().fold(text, |text, (name, value)| text.replace(name, value));
                let parsed = weir_query::syntax::parse(&text);
                assert!(parsed.is_ok(), "{}: {text}", dashboard.name);
                questions += 1;
            }
        }
        assert!(questions > 80, "{questions}");
    }

    #[test]
    fn names_stay_in_the_folder() {
        let site = Site::new();
        for name in ["/..%2Fweb", "/.hidden", "/a%2Fb", "/%C3%A9", "/history%2Fx"] {
            assert_eq!(site.ask("PUT", name, None, &board("x")).0, 400, "{name}");
        }
    }

    #[test]
    fn who_only_reads_changes_nothing() {
        use crate::api::testing::{Issuer, ask};
        let issuer = Issuer::new();
        let folder = tempfile::tempdir().unwrap();
        let address = serve(routes(Arc::new(Folder::new(folder.path().to_owned())), Some(&issuer.tokens())));
        let claims = weir_identity::Claims {
            subject: "grafana".into(),
            tenant: 0,
            scopes: vec![Scope::Read],
            not_before: None,
            expires: u64::try_from(crate::clock::now().millis() / 1_000).unwrap() + 60,
            max_series: None,
            labels: Default::default(),
        };
        let token = format!("Bearer {}", weir_identity::issue(&claims, &issuer.key).unwrap());
        assert_eq!(ask(&address, "GET", "/api/v1/dashboards", Some(&token), "").0, 200);
        assert_eq!(ask(&address, "GET", "/api/v1/dashboards", None, "").0, 401);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.put(format!("http://{address}/api/v1/dashboards/web")).header("authorization", &token);
        assert_eq!(request.send(board("x")).unwrap().status().as_u16(), 403);
    }
}
