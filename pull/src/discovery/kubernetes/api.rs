//! The API server, as a pod knows it or as the file names it.

use hyper::header::AUTHORIZATION;

use crate::config::{Asked, KubernetesSource};
use crate::discovery::asker::Asker;
use weir_fetch::ClientSettings;

/// Where a pod finds who it is.
pub(super) const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Whom to ask, and as whom.
#[derive(Clone)]
pub(super) struct Api {
    pub server: String,
    client: ClientSettings,
    /// A file whose token is read for each question: it is renewed every hour.
    token: Option<std::path::PathBuf>,
}

impl Api {
    pub(super) fn of(source: &Asked<KubernetesSource>) -> Result<Self, String> {
        let mut client = source.client.clone();
        if let Some(server) = &source.own.api_server {
            return Ok(Self { server: server.trim_end_matches('/').to_owned(), client, token: None });
        }
        let named = |name: &str| {
            std::env::var(name).map_err(|_| format!("{name} is not set: name an api_server outside of Kubernetes"))
        };
        let (host, port) = (named("KUBERNETES_SERVICE_HOST")?, named("KUBERNETES_SERVICE_PORT")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        client.tls.ca_file.get_or_insert_with(|| format!("{ACCOUNT}/ca.crt").into());
        Ok(Self { server: format!("https://{host}:{port}"), client, token: Some(format!("{ACCOUNT}/token").into()) })
    }

    pub(super) fn asker(&self) -> Result<Asker, String> {
        let mut asker = Asker::new(&self.client, Vec::new())?;
        if let Some(file) = &self.token {
            // The kubelet lets others of the pod read it, which is none of ours to judge.
            let token = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            asker.set_header(AUTHORIZATION, format!("Bearer {}", token.trim()));
        }
        Ok(asker)
    }
}
