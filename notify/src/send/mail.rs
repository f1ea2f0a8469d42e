//! One mail by SMTP and what the answer means.

use std::path::Path;
use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Identity, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use weir_files::read_secret;

use super::causes::causes;
use super::secrets::reveal;
use crate::core::Outcome;
use crate::message::Mail;

const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn send(mail: Mail) -> Outcome {
    // What the configuration or a template made wrong will not come right by itself.
    let message = match message(&mail) {
        Ok(message) => message,
        Err(why) => return Outcome::Refused(why),
    };
    let transport = match transport(&mail) {
        Ok(transport) => transport,
        Err(why) => return Outcome::Failed { after: None, why },
    };
    let sent = tokio::time::timeout(TIMEOUT * 2, transport.send(message)).await;
    match sent {
        Ok(Ok(_)) => Outcome::Told,
        // A bad login is mended by the operator, and the mail then still wanted.
        Ok(Err(error)) if error.is_permanent() && !is_login(&error) => Outcome::Refused(causes(&error)),
        Ok(Err(error)) => Outcome::Failed { after: None, why: causes(&error) },
        Err(_) => Outcome::Failed { after: None, why: "the mail server took too long".into() },
    }
}

fn is_login(error: &lettre::transport::smtp::Error) -> bool {
    error.status().is_some_and(|code| ["530", "534", "535", "538"].contains(&code.to_string().as_str()))
}

fn message(mail: &Mail) -> Result<Message, String> {
    let from: Mailbox = mail.from.parse().map_err(|error| format!("from {:?}: {error}", mail.from))?;
    let to: Mailboxes = mail.to.parse().map_err(|error| format!("to {:?}: {error}", mail.to))?;
    let date = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(mail.date_ms).unwrap_or(0));
    let mut builder = Message::builder().from(from).date(date);
    builder = builder.message_id(Some(mail.message_id.clone())).references(mail.references.clone());
    builder = builder.in_reply_to(mail.references.clone());
    for mailbox in to {
        builder = builder.to(mailbox);
    }
    for (name, value) in &mail.headers {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if ["from", "to", "date", "message-id", "references"].contains(&name.to_lowercase().as_str()) {
            continue;
        }
        let name =
            HeaderName::new_from_ascii(name.clone()).map_err(|_| format!("no mail header can be named {name:?}"))?;
        builder = builder.raw_header(HeaderValue::new(name, value));
    }
    let (text, html) = (mail.text.clone(), mail.html.clone());
    let built = match (text.is_empty(), html.is_empty()) {
        (false, false) => builder.multipart(MultiPart::alternative_plain_html(text, html)),
        (true, false) => builder.singlepart(SinglePart::html(html)),
        (_, true) => builder.singlepart(SinglePart::plain(text)),
    };
    built.map_err(|error| format!("the mail cannot be written: {error}"))
}

fn transport(mail: &Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let mut builder =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host).port(mail.port).timeout(Some(TIMEOUT));
    builder = builder.tls(match (mail.implicit_tls, mail.require_tls) {
        (true, _) => Tls::Wrapper(parameters(mail)?),
        (false, true) => Tls::Required(parameters(mail)?),
        (false, false) => Tls::Opportunistic(parameters(mail)?),
    });
    if let Some(name) = &mail.hello {
        builder = builder.hello_name(ClientId::Domain(name.clone()));
    }
    if let Some(auth) = &mail.auth {
        let password = reveal(&auth.password)?.reveal().to_owned();
        builder = builder.credentials(Credentials::new(auth.username.clone(), password));
        builder = builder.authentication(vec![Mechanism::Plain, Mechanism::Login]);
    }
    Ok(builder.build())
}

fn parameters(mail: &Mail) -> Result<TlsParameters, String> {
    let file = |path: &String| std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}"));
    let mut builder =
        TlsParameters::builder(mail.host.clone()).dangerous_accept_invalid_certs(mail.tls.insecure_skip_verify);
    if let Some(path) = &mail.tls.ca_file {
        builder = builder.add_root_certificate(
            Certificate::from_pem(&file(path)?).map_err(|error| format!("{path}: {}", causes(&error)))?,
        );
    }
    if let (Some(certificate), Some(key)) = (&mail.tls.cert_file, &mail.tls.key_file) {
        let key = read_secret(Path::new(key)).map_err(|error| error.to_string())?;
        let identity = Identity::from_pem(&file(certificate)?, key.as_bytes());
        builder = builder.identify_with(identity.map_err(|error| format!("{certificate}: {}", causes(&error)))?);
    }
    builder.build_rustls().map_err(|error| causes(&error))
}
