//! One request at a time on a connection that stays open, redirects followed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::answer::{Answer, Room};
use super::failure::Failure;
use super::stream::Stream;
use super::tls::tls;
use crate::settings::{ClientSettings, Secret};

/// How all targets of a job are asked.
pub struct Client {
    settings: ClientSettings,
    tls: Arc<rustls::ClientConfig>,
    lookup: Lookup,
}

/// Addresses of a host and a port.
pub type Lookup = fn(&str, u16) -> BoxFuture<'_, std::io::Result<Vec<SocketAddr>>>;
type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An open connection to a server.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    to: String,
}

/// What is asked for.
pub struct Ask<'a> {
    /// Such as GET.
    pub method: Method,
    /// With scheme and host.
    pub uri: Uri,
    /// Beside what the client's settings say.
    pub headers: &'a [(HeaderName, String)],
    /// What goes with it.
    pub body: Bytes,
    /// Bytes of an answer, unpacked.
    pub limit: usize,
    /// What answers may take together.
    pub room: &'a Room,
}

/// As Prometheus has it.
const MOST_REDIRECTS: usize = 10;
/// Of a connection's two buffers, and so the most that an answer's head may have. hyper's own bound is 400 KiB, which thousands
/// of idle connections would hold.
const BUFFER: usize = 16 << 10;
/// Time for a connection to come about, of the time that there is for all.
const CONNECT: Duration = Duration::from_secs(10);

impl Client {
    /// A client of these settings.
    ///
    /// # Errors
    /// What cannot be read of certificates and keys, as a sentence.
    pub fn new(settings: &ClientSettings) -> Result<Self, String> {
        Ok(Self { settings: settings.clone(), tls: tls(&settings.tls)?, lookup: by_the_system })
    }

    /// Reads the files of its secrets once, as each request does.
    ///
    /// # Errors
    /// What cannot be read, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        self.identify(&mut HeaderMap::new()).map_err(|failure| failure.to_string())
    }

    /// The same, which looks up names by another way than the system's.
    #[must_use]
    pub fn resolving(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    /// Asks by the connection that is kept, if it is to the same server, and leaves there the one to use next.
    ///
    /// # Errors
    /// Why there is no answer that can be used.
    pub async fn ask(&self, kept: &mut Option<Connection>, ask: Ask<'_>) -> Result<Answer, Failure> {
        let mut uri = ask.uri.clone();
        for _ in 0..=MOST_REDIRECTS {
            let is_first_host = uri.authority() == ask.uri.authority();
            let request = || self.request(&ask, &uri, is_first_host);
            let (connection, response) = self.send(kept.take(), &uri, request).await?;
            let status = response.status();
            if !status.is_redirection() || !self.settings.follow_redirects || status == StatusCode::NOT_MODIFIED {
                if !status.is_success() {
                    return Err(Failure::Status(status.as_u16()));
                }
                let answer = Answer::read(response, ask.limit, ask.room).await?;
                *kept = Some(connection);
                return Ok(answer);
            }
            uri = redirected(&uri, response.headers())?;
        }
        Err(Failure::Redirect("more than ten times"))
    }

    /// Asks by a connection of its own, for an answer whose lines come as things happen, as long as that is there. Redirects are not followed.
    pub async fn open(&self, ask: Ask<'_>) -> Result<(Connection, Stream), Failure> {
        let request = || self.request(&ask, &ask.uri, true);
        let (connection, response) = self.send(None, &ask.uri, request).await?;
        match response.status() {
            status if status.is_success() => Ok((connection, Stream::new(response, ask.limit))),
            status => Err(Failure::Status(status.as_u16())),
        }
    }

    /// Sends a request by a connection that may have been closed meanwhile, and then by a new one.
    async fn send(
        &self,
        kept: Option<Connection>,
        uri: &Uri,
        request: impl Fn() -> Result<Request<Full<Bytes>>, Failure>,
    ) -> Result<(Connection, Response<Incoming>), Failure> {
        let to = place(uri)?;
        if let Some(mut connection) = kept.filter(|kept| kept.to == to && !kept.sender.is_closed())
            && let Ok(response) = connection.sender.send_request(request()?).await
        {
            return Ok((connection, response));
        }
        let mut connection = self.connect(uri, to).await?;
        let response = connection.sender.send_request(request()?).await.map_err(|error| Failure::of(&error))?;
        Ok((connection, response))
    }

    async fn connect(&self, uri: &Uri, to: String) -> Result<Connection, Failure> {
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let connecting = async { TcpStream::connect(&*(self.lookup)(host, port).await?).await };
        let stream = match tokio::time::timeout(CONNECT, connecting).await {
            Ok(stream) => stream.map_err(Failure::Connection)?,
            Err(_) => return Err(Failure::Timeout(CONNECT)),
        };
        let _ = stream.set_nodelay(true);
        let sender = if is_tls {
            let name = self.settings.tls.server_name.as_deref().unwrap_or(host).to_owned();
            let name = ServerName::try_from(name).map_err(|error| Failure::Tls(error.to_string()))?;
            let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
            shake(stream.map_err(|error| Failure::Tls(error.to_string()))?).await?
        } else {
            shake(stream).await?
        };
        Ok(Connection { sender, to })
    }

    fn request(&self, ask: &Ask<'_>, uri: &Uri, is_first_host: bool) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = target.parse().map_err(|_| Failure::Address(uri.to_string()))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let headers = request.headers_mut();
        headers.insert(header::HOST, value(authority.rsplit('@').next().unwrap_or_default())?);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("weir/", env!("CARGO_PKG_VERSION"))));
        for (name, text) in ask.headers {
            headers.insert(name, value(text)?);
        }
        // Secrets are for the server that was named, not for whom it sends to.
        if is_first_host {
            self.identify(headers)?;
        }
        Ok(request)
    }

    /// Says who asks. Files are read for every request, so that a new secret is used at once.
    fn identify(&self, headers: &mut HeaderMap) -> Result<(), Failure> {
        let secret = |text: &Option<Secret>, file: &Option<std::path::PathBuf>| match (text, file) {
            (_, Some(file)) => weir_files::read_secret(file)
                .map(|text| text.trim().to_owned())
                .map_err(|error| Failure::Secret(error.to_string())),
            (text, None) => Ok(text.as_ref().map(|Secret(text)| text.clone()).unwrap_or_default()),
        };
        if let Some(basic) = &self.settings.basic_auth {
            let name = match &basic.username_file {
                Some(file) => secret(&None, &Some(file.clone()))?,
                None => basic.username.clone(),
            };
            let pair = format!("{name}:{}", secret(&basic.password, &basic.password_file)?);
            let coded = weir_formats::base64::encode(pair.as_bytes());
            headers.insert(header::AUTHORIZATION, hidden(&format!("Basic {coded}"))?);
        }
        if let Some(other) = &self.settings.authorization {
            let credentials = secret(&other.credentials, &other.credentials_file)?;
            headers.insert(header::AUTHORIZATION, hidden(&format!("{} {credentials}", other.kind))?);
        }
        for (name, told) in &self.settings.headers {
            let name = name.parse::<HeaderName>().map_err(|error| Failure::Secret(format!("{name:?}: {error}")))?;
            for text in &told.values {
                headers.append(&name, value(text)?);
            }
            for Secret(text) in &told.secrets {
                headers.append(&name, hidden(text)?);
            }
            for file in &told.files {
                headers.append(&name, hidden(&secret(&None, &Some(file.clone()))?)?);
            }
        }
        Ok(())
    }
}

fn by_the_system(host: &str, port: u16) -> BoxFuture<'_, std::io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
}

/// Scheme, host and port.
fn place(uri: &Uri) -> Result<String, Failure> {
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme @ ("http" | "https")), Some(authority)) => Ok(format!("{scheme}://{authority}")),
        _ => Err(Failure::Address(uri.to_string())),
    }
}

async fn shake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = Builder::new()
        .max_buf_size(BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::of(&error))?;
    // It ends with its sender. What goes wrong with it, its request hears.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn redirected(from: &Uri, headers: &HeaderMap) -> Result<Uri, Failure> {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or(Failure::Redirect("without a place to go to"))?;
    let whole = match location {
        there if there.contains("://") => there.to_owned(),
        there if there.starts_with("//") => format!("{}:{there}", from.scheme_str().unwrap_or("http")),
        there if there.starts_with('/') => format!("{}{there}", place(from)?),
        there => {
            let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{}{folder}/{there}", place(from)?)
        }
    };
    whole.parse().map_err(|_| Failure::Redirect("to what is no address"))
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| Failure::Address(format!("{text:?} in a header")))
}

fn hidden(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Failure::Secret("it has a line break".into()))?;
    value.set_sensitive(true);
    Ok(value)
}
