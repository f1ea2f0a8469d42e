//! Promise: what others send and silence by Alertmanager's API goes as far as their token does, and reaches a person: with Debian's
//! Prometheus as sender, amtool, the commands of `weir alert`, and a mail server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use weir_tests::{Prometheus, Server, ServerPorts, Webhook, Webhooks, eventually, program, write_secret};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server that tells alerts, evaluates no rules, and asks for tokens.
struct Site {
    folder: tempfile::TempDir,
    webhooks: Webhooks,
    server: Server,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let webhooks = Webhooks::listen();
        let path = |name: &str| folder.path().join(name).display().to_string();
        done(&weir(&["token", "key", &path("ops")]));
        let config = format!("[identity]\ntoken_keys = [{:?}]\n[alerting]\nconfig = 'routes.yml'\n", path("ops.pem"));
        fs::write(path("weir.toml"), config).unwrap();
        let times = "group_wait: 100ms, group_interval: 300ms, repeat_interval: 1h";
        let child = "routes: [{receiver: pager, matchers: [severity=page], continue: true}, {receiver: ops}]";
        let route = format!("route: {{receiver: ops, group_by: [alertname, tenant], {times}, {child}}}");
        let ops = format!("{{name: ops, webhook_configs: [{{url: 'http://{}/'}}]}}", webhooks.address);
        fs::write(path("routes.yml"), format!("{route}\nreceivers: [{ops}, {{name: pager}}]\n")).unwrap();
        let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
        Self { folder, webhooks, server }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.ports.http)
    }

    fn token(&self, tenant: u32, scope: &str) -> String {
        let (key, tenant) = (self.path("ops.key"), tenant.to_string());
        let args = ["token", "issue", "--key", &key, "--sub", "ann", "--tenant", &tenant, "--scope", scope];
        done(&weir(&args)).trim().to_owned()
    }

    /// `weir alert …` with a token of a tenant.
    fn alert(&self, tenant: u32, scope: &str, args: &[&str]) -> Output {
        let (file, url) = (self.path("ann.token"), self.url());
        write_secret(&file, self.token(tenant, scope));
        weir(&[&["alert"], args, &["--server", &url, "--token-file", &file]].concat())
    }

    /// Alerts that a tenant's reader sees.
    fn alerts(&self, tenant: u32) -> Vec<Value> {
        let listed = self.alert(tenant, "alerts:read", &["list", "--json"]);
        serde_json::from_str(&done(&listed)).unwrap()
    }

    /// amtool with a token of tenant 3 that may see and silence.
    fn amtool(&self, args: &[&str]) -> Output {
        let file = self.path("amtool.yml");
        let token = self.token(3, BOTH);
        write_secret(&file, format!("authorization: {{credentials: {token}}}\n"));
        let path = Path::new("/usr/bin/amtool");
        assert!(path.exists(), "there is no amtool: run tests/setup, or apt-get install -y prometheus-alertmanager");
        let mut command = Command::new(path);
        let common = [format!("--alertmanager.url={}", self.url()), format!("--http.config.file={file}")];
        command.args(args).args(common).output().unwrap()
    }

    /// Status of a request that posts JSON.
    fn post(&self, path: &str, token: Option<&str>, body: &str) -> u16 {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let mut request = ureq::Agent::from(config).post(format!("{}{path}", self.url()));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.header("content-type", "application/json").send(body).unwrap().status().as_u16()
    }

    fn next(&self, alert: &str, status: &str) -> Webhook {
        loop {
            let came = self.webhooks.next(PATIENCE).unwrap_or_else(|| panic!("no webhook about {alert} {status}"));
            if came.is_about(alert, status) {
                return came;
            }
        }
    }
}

const BOTH: &str = "alerts:read,alerts:silence";

fn weir(args: &[&str]) -> Output {
    Command::new(program("weir")).args(args).output().unwrap()
}

/// What a command that went well has printed.
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command that failed says.
fn failed(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn names(alerts: &[Value]) -> Vec<&str> {
    alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect()
}

const ALERT: &str = r#"[{"labels": {"alertname": "Disk", "team": "db", "tenant": "9"}}]"#;

#[test]
fn a_token_sees_silences_and_expires_what_is_its_tenants_and_its_scope_allows() {
    let site = Site::start();
    let (read, silence) = (site.token(3, "alerts:read"), site.token(3, "alerts:silence"));
    let get = |token: Option<&str>| site.server.ask("/api/v2/alerts", token).unwrap().0;
    let other = site.token(3, "read,ingest");
    assert_eq!([None, Some(&*other), Some(&*silence), Some(&*read)].map(get), [401, 403, 403, 200]);
    let post = |token: Option<&str>| site.post("/api/v2/alerts", token, ALERT);
    assert_eq!([None, Some(&*other), Some(&*read), Some(&*silence)].map(post), [401, 403, 403, 200]);
    assert_eq!(site.post("/api/v2/silences", Some(&read), "{}"), 403);

    // The token's tenant holds, whatever the alert says of itself.
    let told = site.next("Disk", "firing");
    assert_eq!(told.body["commonLabels"]["tenant"], "3");
    assert_eq!(names(&site.alerts(3)), ["Disk"]);
    assert!(site.alerts(7).is_empty());

    let preview = |tenant| done(&site.alert(tenant, BOTH, &["silence", "preview", "team=db"]));
    assert_eq!(preview(3), "mutes 1 alerts of 1 teams\n  1 db\n");
    assert_eq!(preview(7), "mutes 0 alerts of 0 teams\n");
    let add = ["silence", "add", "team=db", "--comment", "repair", "--author", "ann", "--duration", "10m"];
    assert!(failed(&site.alert(3, "alerts:read", &add)).contains("403"));
    let id = done(&site.alert(3, BOTH, &add)).trim().to_owned();
    let list = |tenant| done(&site.alert(tenant, BOTH, &["silence", "list"]));
    assert!(list(3).contains(&id) && list(3).contains("by ann: repair"), "{}", list(3));
    assert_eq!(list(7), "");
    assert!(failed(&site.alert(7, BOTH, &["silence", "expire", &id])).contains("no silence"));
    let in_state = |state| done(&site.alert(3, BOTH, &["list", "Disk", "--state", state]));
    assert!(in_state("silenced").contains("Disk") && in_state("active").is_empty());
    done(&site.alert(3, BOTH, &["silence", "expire", &id]));
    assert_eq!(list(3), "");
    assert!(in_state("active").contains("team=\"db\"") && in_state("silenced").is_empty());
    assert!(failed(&site.alert(3, BOTH, &["list", "team=~("])).contains("bad matcher"));
}

#[test]
fn routes_are_told_of_a_file_and_of_a_server_and_a_wrong_file_fails() {
    let site = Site::start();
    let file = site.path("routes.yml");
    let labels = "severity=page team=db";
    let of_file = done(&weir(&["alert", "routes", labels, "--config", &file]));
    let of_server = done(&site.alert(0, "alerts:read", &["routes", labels]));
    assert_eq!(of_file, of_server);
    assert!(of_file.starts_with("pager\n") && of_file.contains("\nops\n"), "{of_file}");
    assert!(of_file.contains("alertname, tenant") && of_file.contains("100ms"), "{of_file}");
    // Receivers are those that amtool names.
    let amtool = ["config", "routes", "test", "--config.file", &file, "severity=page", "team=db"];
    let reached = done(&Command::new("/usr/bin/amtool").args(amtool).output().unwrap()).trim().to_owned();
    done(&weir(&["alert", "routes", labels, "--config", &file, "--verify", &reached]));
    assert!(failed(&weir(&["alert", "routes", labels, "--config", &file, "--verify", "ops"])).contains("pager,ops"));
    fs::write(&file, "route: {receiver: nobody}\nreceivers: [{name: ops}]\n").unwrap();
    assert!(failed(&weir(&["alert", "routes", labels, "--config", &file])).contains("routes.yml:1:"));
}

#[test]
fn what_prometheus_raises_reaches_a_person_and_ends() {
    let site = Site::start();
    let (folder, token) = (tempfile::tempdir().unwrap(), site.token(3, "alerts:silence"));
    let rules = folder.path().join("rules.yml");
    let raise = |expr: &str| {
        let rule =
            format!("{{alert: Raised, expr: '{expr}', labels: {{severity: page}}, annotations: {{summary: full}}}}");
        fs::write(&rules, format!("groups: [{{name: g, interval: 1s, rules: [{rule}]}}]\n")).unwrap();
    };
    raise("vector(1)");
    let config = format!(
        "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n    - api_version: v2\n      \
         authorization: {{credentials: {token}}}\n      static_configs: [{{targets: ['{}']}}]\n",
        site.server.ports.http
    );
    let prometheus = Prometheus::start_with(folder.path(), &config, &["--rules.alert.resend-delay=1s"]);
    let told = site.next("Raised", "firing").body;
    let (labels, annotations) = (&told["alerts"][0]["labels"], &told["alerts"][0]["annotations"]);
    assert_eq!((&labels["severity"], &labels["tenant"]), (&"page".into(), &"3".into()));
    assert_eq!(annotations["summary"], "full");
    assert!(told["alerts"][0]["generatorURL"].as_str().unwrap().contains("/graph?"));
    assert_eq!(names(&site.alerts(3)), ["Raised"]);
    raise("vector(1) == 2");
    prometheus.reload();
    site.next("Raised", "resolved");
    eventually("no alert", PATIENCE, || site.alerts(3).is_empty().then_some(()));
}

#[test]
fn amtool_adds_silences_and_ends() {
    let site = Site::start();
    done(&site.amtool(&["alert", "add", "Node", "team=db", "--annotation=summary=down"]));
    site.next("Node", "firing");
    let query = |more: &[&str]| -> Vec<Value> {
        let args = [&["alert", "query", "--output=json"], more].concat();
        serde_json::from_str(&done(&site.amtool(&args))).unwrap()
    };
    let found = query(&["team=db"]);
    assert_eq!(names(&found), ["Node"]);
    assert_eq!((&found[0]["annotations"]["summary"], &found[0]["labels"]["tenant"]), (&"down".into(), &"3".into()));
    assert!(query(&["team=web"]).is_empty());

    let add = ["silence", "add", "Node", "team=~d.*", "--author=ann", "--comment=repair", "--duration=10m"];
    let id = done(&site.amtool(&add)).trim().to_owned();
    assert_eq!(done(&site.amtool(&["silence", "query", "--quiet"])).trim(), id);
    assert!(done(&site.amtool(&["silence", "query", "--output=extended"])).contains("repair"));
    assert!(query(&[]).is_empty(), "amtool asks for what is not silenced");
    assert_eq!(query(&["--silenced"])[0]["status"]["silencedBy"][0], id.as_str());
    done(&site.amtool(&["silence", "expire", &id]));
    assert_eq!(done(&site.amtool(&["silence", "query", "--quiet"])).trim(), "");
    assert_eq!(done(&site.amtool(&["silence", "query", "--quiet", "--expired"])).trim(), id);
    assert_eq!(names(&query(&[])), ["Node"]);
    assert!(!failed(&site.amtool(&["silence", "expire", "00000000-0000-4000-8000-000000000000"])).is_empty());
}

/// Ended with the test.
struct MailServer(Child);

impl Drop for MailServer {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_rules_alert_is_mailed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    done(&weir(&["certs", "dev", &path("certs")]));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notify/tests/mailbox.py");
    let mut command = Command::new("python3");
    command.arg(script).args([path("certs/server.pem"), path("certs/server.key")]).arg("starttls");
    let mut mailbox = MailServer(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(mailbox.0.stdout.take().unwrap()).lines();
    let port = lines.next().expect("aiosmtpd, as tests/setup installs it").unwrap();
    write_secret(path("password"), "s3cret");
    let host = format!("smtp_smarthost: 'localhost:{port}', smtp_from: weir@example.org, smtp_hello: me");
    let login = format!("smtp_auth_username: weir, smtp_auth_password_file: '{}'", path("password"));
    let mail = format!("email_configs: [{{to: ops@example.org, tls_config: {{ca_file: '{}'}}}}]", path("certs/ca.pem"));
    let routes = format!(
        "global: {{{host}, {login}}}\nroute: {{receiver: ops, group_wait: 0s}}\nreceivers: [{{name: ops, {mail}}}]\n"
    );
    fs::write(path("routes.yml"), routes).unwrap();
    let rule = "{alert: Always, expr: vector(1), annotations: {summary: it is so}}";
    fs::write(path("rules.yml"), format!("groups: [{{name: g, rules: [{rule}]}}]\n")).unwrap();
    let config = "[alerting]\nrules = ['rules.yml']\nconfig = 'routes.yml'\ninterval = '1s'\n";
    fs::write(path("weir.toml"), config).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
    let mail: Value = serde_json::from_str(&lines.next().expect("a mail").unwrap()).unwrap();
    assert_eq!((&mail["authenticated"], &mail["to"][0]), (&true.into(), &"ops@example.org".into()));
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("Subject: [FIRING:1]") && text.contains("it is so"), "{text}");
    eventually("the mail to be noted", PATIENCE, || {
        let (_, history) = server.get("/api/v1/alerts/notifications")?;
        history.contains("email[0]").then_some(())
    });
}
