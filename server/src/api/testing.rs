//! What tests of the API share: keys, a server on a free port, and requests to it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tempfile::TempDir;
use weir_identity::{SigningKey, TokenKeys, create_secret_file};

/// A folder with a key that signs and checks tokens.
pub(crate) struct Issuer {
    pub(crate) folder: TempDir,
    pub(crate) key: SigningKey,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ops.secret");
        create_secret_file(&path, &"s".repeat(40)).unwrap();
        Self { key: SigningKey::read(&path).unwrap(), folder }
    }

    pub(crate) fn tokens(&self) -> Arc<TokenKeys> {
        Arc::new(TokenKeys::watch(vec![self.folder.path().to_owned()]).unwrap())
    }
}

/// Serves the routes on a free port for as long as the test lives.
pub(crate) fn serve(routes: Router) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, routes).await.unwrap();
        });
    });
    address
}

/// Status and body of one request.
pub(crate) fn ask(
    server: &SocketAddr,
    method: &str,
    path: &str,
    authorization: Option<&str>,
    body: &str,
) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://{server}{path}");
    let authorization = authorization.unwrap_or_default();
    let response = match method {
        "POST" => agent.post(url).header("authorization", authorization).send(body),
        _ => agent.get(url).header("authorization", authorization).call(),
    };
    let mut response = response.unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}
