//! Promise: Debian's Prometheus can send its alerts here and amtool can silence them; e-mail arrives; and a token reaches alerts and
//! silences of its own tenant alone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use weir_tests::{Program, Server, ServerPorts, Webhooks, eventually, free_port, program, write_secret};

use crate::{PATIENCE, next};

/// A server that asks for tokens, and tells whatever others send; it has no rules of its own.
struct Site {
    folder: tempfile::TempDir,
    server: Server,
    webhooks: Webhooks,
}

impl Site {
    fn start(receiver: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let webhooks = Webhooks::listen();
        let path = |name: &str| folder.path().join(name).display().to_string();
        weir(&["certs", "dev", &path("certs")]);
        weir(&["token", "key", &path("ops")]);
        let config = format!(
            "[tls]\ncertificates = {:?}\nkey = {:?}\nhttp = false\n[identity]\ntoken_keys = [{:?}]\n\
             [alerting]\nconfig = 'routes.yml'\n",
            path("certs/server.pem"),
            path("certs/server.key"),
            path("ops.pem")
        );
        fs::write(path("weir.toml"), config).unwrap();
        let times = "group_wait: 100ms, group_interval: 300ms, repeat_interval: 1h";
        let receiver = receiver.replace("WEBHOOK", &format!("http://{}/", webhooks.address));
        let routes = format!(
            "route: {{receiver: ops, group_by: [alertname, tenant], {times}}}\nreceivers:\n  - name: ops\n{receiver}"
        );
        fs::write(path("routes.yml"), routes).unwrap();
        let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
        Self { folder, server, webhooks }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn token(&self, tenant: u32, scopes: &str) -> String {
        let (key, tenant) = (self.path("ops.key").display().to_string(), tenant.to_string());
        let token = weir(&["token", "issue", "--key", &key, "--sub", "ops", "--tenant", &tenant, "--scope", scopes]);
        token.trim().to_owned()
    }

    /// amtool with a token: what it prints, or what it complains of.
    fn amtool(&self, token: &str, args: &[&str]) -> Result<String, String> {
        let amtool = Path::new("/usr/bin/amtool");
        assert!(amtool.exists(), "there is no amtool: run tests/setup, or apt-get install -y prometheus-alertmanager");
        let config = self.path("amtool.yml");
        write_secret(&config, format!("authorization: {{credentials: {token}}}\n"));
        let url = format!("--alertmanager.url=http://{}", self.server.ports.http);
        let credentials = format!("--http.config.file={}", config.display());
        let ran = Command::new(amtool).args([url, credentials]).args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        if ran.status.success() { Ok(text(ran.stdout)) } else { Err(text(ran.stderr)) }
    }
}

fn weir(args: &[&str]) -> String {
    let ran = Command::new(program("weir")).args(args).output().unwrap();
    assert!(ran.status.success(), "weir {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

const HOOK: &str = "    webhook_configs: [{url: 'WEBHOOK'}]\n";
const BOTH: &str = "alerts:read,alerts:silence";

#[test]
fn amtool_reaches_alerts_and_silences_of_its_tenant_alone() {
    let site = Site::start(HOOK);
    let (seven, zero, operator) = (site.token(7, BOTH), site.token(0, BOTH), site.token(0, &format!("{BOTH},admin")));
    let of =
        |token: &str, args: &[&str]| site.amtool(token, args).unwrap_or_else(|said| panic!("amtool {args:?}: {said}"));
    of(&seven, &["alert", "add", "DiskFull", "host=a", "team=db"]);
    of(&zero, &["alert", "add", "DiskFull", "host=b", "team=web"]);
    for _ in 0..2 {
        next(&site.webhooks, "DiskFull", "firing");
    }
    let hosts = |token: &str, more: &[&str]| {
        let listed = of(token, &[&["alert", "query", "-o", "json"], more].concat());
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
        let mut hosts: Vec<String> = listed.iter().map(|one| one["labels"]["host"].as_str().unwrap().into()).collect();
        hosts.sort();
        hosts.join(" ")
    };
    assert_eq!((hosts(&seven, &[]), hosts(&zero, &[]), hosts(&operator, &[])), ("a".into(), "b".into(), "a b".into()));
    assert_eq!((hosts(&operator, &["team=web"]), hosts(&operator, &["team!~web|db"])), ("b".into(), String::new()));

    // A silence for all alerts of the name, made by tenant 0, is one for its own.
    let add = ["silence", "add", "alertname=DiskFull", "--duration=1h", "--comment=known", "--author=me"];
    let id = of(&zero, &add);
    assert_eq!((hosts(&operator, &[]), hosts(&operator, &["--silenced"])), ("a".into(), "b".into()));
    assert!(of(&zero, &["silence", "query"]).contains("known") && !of(&seven, &["silence", "query"]).contains("known"));
    site.amtool(&seven, &["silence", "expire", &id]).expect_err("that of another tenant");
    assert_eq!(hosts(&operator, &["--silenced"]), "b");
    of(&zero, &["silence", "expire", &id]);
    eventually("both again", PATIENCE, || (hosts(&operator, &[]) == "a b").then_some(()));

    // Without the scope nothing is shown, and nothing done.
    let (reads, nothing) = (site.token(7, "alerts:read"), site.token(7, "read"));
    for (token, args) in [(&reads, &add[..]), (&nothing, &["alert", "query"])] {
        let said = site.amtool(token, args).unwrap_err();
        assert!(said.contains("403"), "{said}");
    }
    let (status, _) = site.server.ask("/api/v2/alerts", None).unwrap();
    assert_eq!(status, 401);
    let history = |token: &str| {
        let (_, body) = site.server.ask("/api/v1/alerts/history", Some(token)).unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        let told = answer["data"]["notifications"].as_array().unwrap().len();
        (told, answer["data"]["silences"].as_array().unwrap().len())
    };
    assert_eq!((history(&zero), history(&seven)), ((1, 1), (1, 0)));
}

#[test]
fn what_prometheus_raises_is_told_and_resolved() {
    let site = Site::start(HOOK);
    let (folder, address) = (site.folder.path(), free_port());
    fs::create_dir(folder.join("prometheus")).unwrap();
    write_secret(folder.join("prometheus/token"), site.token(7, "alerts:silence"));
    // It scrapes itself and, at first, a target that is not there.
    let rules = "groups: [{name: g, rules: [{alert: TargetDown, expr: up == 0, labels: {severity: page}, \
                 annotations: {summary: '{{ $labels.job }} is down'}}]}]";
    fs::write(folder.join("prometheus/rules.yml"), rules).unwrap();
    let config = |targets: &str| {
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
             scrape_configs: [{targets}]\n\
             alerting: {{alertmanagers: [{{authorization: {{credentials_file: token}}, \
             static_configs: [{{targets: ['{}']}}]}}]}}\n",
            site.server.ports.http
        );
        fs::write(folder.join("prometheus/prometheus.yml"), config).unwrap();
    };
    let target = |name: &str, at: &str| format!("{{job_name: {name}, static_configs: [{{targets: ['{at}']}}]}}");
    let own = target("own", &address.to_string());
    config(&format!("{own}, {}", target("gone", &free_port().to_string())));
    let args = [
        format!("--config.file={}", folder.join("prometheus/prometheus.yml").display()),
        format!("--storage.tsdb.path={}", folder.join("prometheus/data").display()),
        format!("--web.listen-address={address}"),
        "--rules.alert.resend-delay=1s".into(),
        "--query.lookback-delta=5s".into(),
    ];
    let path = Path::new("/usr/bin/prometheus");
    assert!(path.exists(), "there is no Prometheus: run tests/setup, or apt-get install -y prometheus");
    let prometheus = Program::start_at(path, &args, &folder.join("prometheus.log"));
    let told = next(&site.webhooks, "TargetDown", "firing").body;
    let alert = &told["alerts"][0];
    assert_eq!((&alert["labels"]["tenant"], &alert["labels"]["severity"]), (&"7".into(), &"page".into()));
    assert_eq!(alert["annotations"]["summary"], "gone is down");
    assert!(alert["generatorURL"].as_str().unwrap().contains("up"), "{alert}");
    config(&own);
    prometheus.signal(rustix::process::Signal::HUP);
    let told = next(&site.webhooks, "TargetDown", "resolved").body;
    assert_eq!(told["alerts"][0]["labels"]["job"], "gone");
}

#[test]
fn an_alert_arrives_as_mail() {
    let site = Site::start("    email_configs: []\n");
    let certs = site.path("certs");
    let mut mailbox = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../notify/tests/mailbox.py"))
        .args([certs.join("server.pem"), certs.join("server.key")])
        .arg("starttls")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(mailbox.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.next().expect("a mail server: run tests/setup, or pip install aiosmtpd");
    let mail = format!(
        "route: {{receiver: ops, group_wait: 123ms}}\nreceivers:\n  - name: ops\n    email_configs:\n      - to: ops@example.com\n        \
         from: weir@example.com\n        smarthost: localhost:{}\n        auth_username: weir\n        auth_password: s3cret\n        \
         tls_config: {{ca_file: {}}}\n",
        port.trim(),
        certs.join("ca.pem").display()
    );
    fs::write(site.path("routes.yml"), mail).unwrap();
    let token = site.token(0, BOTH);
    eventually("the receiver by mail", PATIENCE, || {
        let (_, body) = site.server.ask("/api/v2/status", Some(&token))?;
        body.contains("123ms").then_some(())
    });
    site.amtool(&token, &["alert", "add", "DiskFull", "host=db-1", "--annotation=summary=97 % of /var"]).unwrap();
    let mail: Value = serde_json::from_str(&lines.next().expect("a mail")).unwrap();
    assert_eq!((&mail["from"], &mail["to"][0]), (&"weir@example.com".into(), &"ops@example.com".into()));
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("DiskFull") && text.contains("Subject:"), "{text}");
    mailbox.kill().unwrap();
    mailbox.wait().unwrap();
}
