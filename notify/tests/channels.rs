//! The notifier with real channels: an HTTP server, and a mail server that wants TLS and a login.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime};

use weir_alert::event::{Event, Status};
use weir_alert::routing::Config;
use weir_notify::{Handle, Health, Runner, Settings, load_templates};
use weir_sample::Timestamp;

const PATIENCE: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "these channels are real, and so is the time")]
fn clock() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64)
}

fn start(folder: &Path, config: &str) -> (Handle, Health, tokio::task::JoinHandle<()>) {
    let config = Config::read("am.yml", config).unwrap_or_else(|faults| panic!("{}", faults[0]));
    let templates = load_templates(&config, folder).unwrap();
    let (runner, handle, health) =
        Runner::new(Settings::new(folder.join("state"), "http://weir"), config, templates, clock);
    (handle, health, tokio::spawn(runner.run()))
}

fn firing(name: &str) -> Event {
    let now = clock().millis();
    Event {
        tenant: 0,
        labels: [("alertname", name), ("team", "db")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        annotations: [("summary".to_owned(), "a < b".to_owned())].into(),
        status: Status::Firing,
        starts_at_ms: now,
        ends_at_ms: now + 3_600_000,
        evaluated_at_ms: now,
        value: Some(1.0),
        active_at_ms: 0,
        late: false,
        generator_url: "http://weir/graph".into(),
        seq: 1,
        source: "rules.yml;g".into(),
    }
}

/// A file with a secret, which must be its owner's alone.
fn secret(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// One request: its path, its head and its body.
struct Seen {
    path: String,
    head: String,
    body: String,
}

/// A server that answers by path, and the requests that it saw.
fn receiver(answer: impl Fn(&str, usize) -> &'static str + Send + 'static) -> (u16, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, requests) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            if serve(stream, &seen, |path| answer(path, number)).is_none() {
                return;
            }
        }
    });
    (port, requests)
}

fn serve(stream: TcpStream, seen: &Sender<Seen>, answer: impl Fn(&str) -> &'static str) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let answer = answer(&path);
    write!(reader.get_mut(), "HTTP/1.1 {answer}").ok()?;
    seen.send(Seen { path, head, body: String::from_utf8(body).ok()? }).ok()
}

const TAKEN: &str = "200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const BUSY: &str = "429 Busy\r\nretry-after: 1\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy";
const BAD: &str = "400 Bad\r\ncontent-length: 15\r\nconnection: close\r\n\r\nno such channel";

async fn next<T: Send + 'static>(from: Receiver<T>) -> (T, Receiver<T>) {
    let next = tokio::task::spawn_blocking(move || (from.recv_timeout(PATIENCE).expect("nothing came"), from));
    next.await.unwrap()
}

#[tokio::test]
async fn http_channels_are_told() {
    let folder = tempfile::tempdir().unwrap();
    secret(folder.path(), "key", "pd-key");
    secret(folder.path(), "token", "t0ken");
    let (port, requests) = receiver(|path, number| match path {
        "/busy" if number < 5 => BUSY,
        "/bad" => BAD,
        _ => TAKEN,
    });
    let at = folder.path().display();
    let config = format!(
        "
route: {{receiver: all, group_by: [alertname], group_wait: 0s}}
receivers:
  - name: all
    webhook_configs: [{{url: 'http://127.0.0.1:{port}/busy', http_config: {{authorization: {{credentials_file: '{at}/token'}}}}}}]
    slack_configs: [{{api_url: 'http://127.0.0.1:{port}/slack', channel: '#ops', send_resolved: true}}]
    pagerduty_configs: [{{routing_key_file: '{at}/key', url: 'http://127.0.0.1:{port}/pd'}}]
    http_configs:
      - {{url: 'http://127.0.0.1:{port}/put/{{{{ .Status }}}}', method: PUT, headers: {{X-Team: '{{{{ .CommonLabels.team }}}}'}}, body: '{{{{ .Alerts | len }}}}'}}
      - {{url: 'http://127.0.0.1:{port}/bad'}}
"
    );
    let (handle, health, run) = start(folder.path(), &config);
    handle.tell(vec![firing("Disk")], Some(b"7".to_vec())).await.unwrap();
    let (mut all, mut requests) = (Vec::new(), requests);
    while all.len() < 6 {
        let (seen, rest) = next(requests).await;
        (requests, _) = (rest, all.push(seen));
    }
    let of = |path: &str| all.iter().filter(|seen| seen.path == path).collect::<Vec<_>>();
    let key = |seen: &Seen| {
        seen.head.lines().find(|line| line.to_lowercase().starts_with("idempotency-key")).unwrap().to_owned()
    };
    let webhooks = of("/busy");
    assert_eq!(webhooks.len(), 2, "once refused for a second, then taken");
    assert!(key(webhooks[0]) == key(webhooks[1]) && webhooks[0].body == webhooks[1].body);
    assert!(webhooks[0].head.to_lowercase().contains("authorization: bearer t0ken"), "{}", webhooks[0].head);
    let json = |seen: &Seen| serde_json::from_str::<serde_json::Value>(&seen.body).unwrap();
    let webhook = json(webhooks[0]);
    assert_eq!((&webhook["version"], &webhook["groupKey"]), (&"4".into(), &r#"{}:{alertname="Disk"}"#.into()));
    assert_eq!(
        (&webhook["commonLabels"]["team"], &webhook["alerts"][0]["endsAt"]),
        (&"db".into(), &"0001-01-01T00:00:00Z".into())
    );
    let slack = json(of("/slack")[0]);
    assert_eq!(
        (&slack["channel"], &slack["attachments"][0]["title"]),
        (&"#ops".into(), &"[FIRING:1] Disk (db)".into())
    );
    let page = json(of("/pd")[0]);
    assert_eq!((&page["routing_key"], &page["event_action"]), (&"pd-key".into(), &"trigger".into()));
    assert_eq!(page["dedup_key"].as_str().unwrap().len(), 64);
    let put = of("/put/firing")[0];
    assert!(
        put.head.starts_with("PUT") && put.head.to_lowercase().contains("x-team: db") && put.body == "1",
        "{}",
        put.head
    );
    let letters = loop {
        let letters = handle.ask(|notifier, _| notifier.dead_letters().unwrap()).await.unwrap();
        if !letters.is_empty() {
            break letters;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(letters[0].sent.refused, "answered 400: no such channel");
    assert_eq!(handle.ask(|notifier, _| notifier.position().unwrap()).await.unwrap(), Some(b"7".to_vec()));
    assert_eq!(health.fault(), None);
    let state = std::fs::metadata(folder.path().join("state")).unwrap();
    assert_eq!(state.permissions().mode() & 0o777, 0o600, "the state is its owner's alone");
    drop(handle);
    tokio::time::timeout(PATIENCE, run).await.expect("it ends with its last handle").unwrap();
}

struct MailServer(Child);

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A mail server, its port, and the mails that it took.
fn mail_server(folder: &Path, kind: &str) -> (MailServer, u16, Receiver<serde_json::Value>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mailbox.py");
    let mut command = Command::new("python3");
    let command = command.arg(script).args([&certificate, &key]).arg(kind).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python3 with aiosmtpd, as tests/setup installs it");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.next().expect("aiosmtpd, as tests/setup installs it").parse().unwrap();
    let (taken, mails) = channel();
    std::thread::spawn(move || lines.for_each(|line| drop(taken.send(serde_json::from_str(&line).unwrap()))));
    (MailServer(child), port, mails)
}

async fn mail_is_told(kind: &str, extra: &str) {
    let folder = tempfile::tempdir().unwrap();
    secret(folder.path(), "password", "s3cret");
    let (_server, port, mails) = mail_server(folder.path(), kind);
    let at = folder.path().display();
    let config = format!(
        "
global: {{smtp_smarthost: 'localhost:{port}', smtp_from: 'Weir <weir@example.org>', smtp_auth_username: weir, smtp_auth_password_file: '{at}/password', smtp_hello: me}}
route: {{receiver: mail, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: mail
    email_configs: [{{to: 'a@example.org, b@example.org', send_resolved: true, tls_config: {{ca_file: '{at}/certificate.pem'}}, headers: {{X-Team: '{{{{ .CommonLabels.team }}}}'}}{extra}}}]
"
    );
    let (handle, _, run) = start(folder.path(), &config);
    handle.tell(vec![firing("Disk")], None).await.unwrap();
    let (first, mails) = next(mails).await;
    handle.tell(vec![Event { status: Status::Resolved, ..firing("Disk") }], None).await.unwrap();
    let (second, _mails) = next(mails).await;
    let text = |mail: &serde_json::Value| mail["text"].as_str().unwrap().replace("\r\n", "\n");
    let header = |mail: &serde_json::Value, name: &str| {
        let text = text(mail);
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name}: ")))
            .unwrap_or_else(|| panic!("no {name}: {text}"));
        line.to_owned()
    };
    assert_eq!((&first["from"], &first["authenticated"]), (&"weir@example.org".into(), &true.into()));
    assert_eq!(first["to"], serde_json::json!(["a@example.org", "b@example.org"]));
    assert_eq!(header(&first, "Subject"), "Subject: [FIRING:1] Disk (db)");
    assert_eq!(header(&second, "Subject"), "Subject: [RESOLVED] Disk (db)");
    assert_eq!(header(&first, "X-Team"), "X-Team: db");
    assert_eq!(header(&first, "References"), header(&second, "References"), "one thread");
    assert_ne!(header(&first, "Message-ID"), header(&second, "Message-ID"));
    let body = text(&first);
    assert!(body.contains("text/plain") && body.contains("text/html") && body.contains("a &lt; b"), "{body}");
    drop(handle);
    run.await.unwrap();
}

#[tokio::test]
async fn mail_goes_by_starttls() {
    mail_is_told("starttls", "").await;
}

#[tokio::test]
async fn mail_goes_by_implicit_tls() {
    mail_is_told("implicit", ", implicit_tls: true").await;
}
