//! Promise: nobody reaches another tenant, nor another subject of the same one: with real agents that have one id, tokens
//! of two tenants, and labels that name another.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_tests::{Agent, Server, ServerPorts, eventually, program, write_secret};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server that asks for tokens.
struct Site {
    folder: tempfile::TempDir,
    server: Server,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        weir(&["certs", "dev", &path("certs")]);
        weir(&["token", "key", &path("ops")]);
        let config = format!(
            "[tls]\ncertificates = {:?}\nkey = {:?}\nhttp = false\n[identity]\ntoken_keys = [{:?}]\n\
             session_lifetime_s = 4\n[sink]\nlateness_s = 1\n",
            path("certs/server.pem"),
            path("certs/server.key"),
            path("ops.pem")
        );
        fs::write(path("weir.toml"), config).unwrap();
        let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
        Self { folder, server }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn token(&self, subject: &str, tenant: u32, scope: &str) -> String {
        let (key, tenant) = (self.path("ops.key"), tenant.to_string());
        let token = weir(&["token", "issue", "--key", &key, "--sub", subject, "--tenant", &tenant, "--scope", scope]);
        token.trim().to_owned()
    }

    /// An agent in a folder of its own that shows this token. All have one id of their own.
    fn agent(&self, name: &str, token: Option<&str>) -> Agent {
        let (folder, ca) = (self.folder.path().join(name), self.path("certs/ca.pem"));
        fs::create_dir_all(folder.join("agent")).unwrap();
        fs::write(folder.join("agent/identity"), "11111111-1111-4111-8111-111111111111 7\n").unwrap();
        let file = self.path(&format!("{name}.token"));
        let mut more = vec!["--host", "web-1"];
        if let Some(token) = token {
            write_secret(&file, token);
            more.extend(["--token", &file, "--ca", &ca]);
        }
        Agent::start(&folder, &self.server.ports.batch.to_string(), &self.server.keys(), &more)
    }

    /// What a tenant's reader sees for a query.
    fn sees(&self, tenant: u32, promql: &str) -> Option<f64> {
        let encoded: String = promql.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reader = self.token("reader", tenant, "read");
        let (_, body) = self.server.ask(&format!("/api/v1/query?query={encoded}"), Some(&reader))?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    fn waits_for(&self, tenant: u32, promql: &str, expected: f64) {
        let what = format!("{promql} of tenant {tenant} to be {expected}");
        eventually(&what, PATIENCE, || self.sees(tenant, promql).filter(|found| *found == expected));
    }

    /// Asks for a session: status and body.
    fn session(&self, token: &str, agent: &str) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let request = ureq::Agent::from(config).post(format!("http://{}/v1/session", self.server.ports.http));
        let request = request.header("authorization", format!("Bearer {token}"));
        let mut response = request.send(format!("{{\"agent\": \"{agent}\"}}")).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }
}

/// The id under which an agent sends, from its status page.
fn id_of(agent: &Agent) -> String {
    let mut response = ureq::get(format!("http://{}/status", agent.telemetry)).call().unwrap();
    let page = response.body_mut().read_to_string().unwrap();
    page.split_whitespace().skip_while(|word| *word != "agent").nth(1).unwrap().to_owned()
}

fn weir(args: &[&str]) -> String {
    let output = Command::new(program("weir")).args(args).output().unwrap();
    assert!(output.status.success(), "weir {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_id_in_two_tenants_is_two_agents_and_no_token_names_the_id_of_another() {
    let site = Site::start();
    let (web, hostile) = (site.token("web", 3, "ingest"), site.token("web", 7, "ingest"));
    let agents = [site.agent("three", Some(&web)), site.agent("seven", Some(&hostile))];
    let ids = agents.each_ref().map(id_of);
    assert_ne!(ids[0], ids[1]);
    let check = |token: &str, agent: &str, status: u16| {
        let (seen, body) = site.session(token, agent);
        assert_eq!(seen, status, "{body}");
        assert!(status == 200 || body.contains("\"other_agent\""), "{body}");
    };
    check(&web, &ids[0], 200);
    check(&hostile, &ids[0], 403);
    check(&site.token("db", 3, "ingest"), &ids[0], 403);
    check(&site.token(&ids[0], 3, "ingest"), &ids[0], 403);
    check(&web, "11111111-1111-4111-8111-111111111111", 403);
    agents[0].emit("done:1|c|#tenant:7", 10);
    agents[1].emit("done:1|c|#tenant:3", 4);
    site.waits_for(3, "sum(done)", 10.0);
    site.waits_for(7, "sum(done)", 4.0);
    assert_eq!(site.sees(3, r#"sum(done{exported_tenant="7"})"#), Some(10.0));
}

#[test]
fn a_label_tenant_without_a_token_stays_in_the_default_tenant() {
    let site = Site::start();
    let agent = site.agent("default", None);
    agent.emit("done:1|c|#tenant:7", 5);
    site.waits_for(0, r#"sum(done{exported_tenant="7"})"#, 5.0);
    assert_eq!(site.sees(7, "sum(done)"), None);
}

#[test]
fn a_token_of_another_subject_makes_another_agent_of_one_that_runs() {
    let site = Site::start();
    let agent = site.agent("moves", Some(&site.token("web", 3, "ingest")));
    agent.emit("done:1|c", 5);
    site.waits_for(3, "sum(done)", 5.0);
    let before = id_of(&agent);
    write_secret(site.path("moves.token"), site.token("db", 3, "ingest"));
    eventually("another id", PATIENCE, || (id_of(&agent) != before).then_some(()));
    agent.emit("done:1|c", 3);
    // Its running total starts anew, as any counter's does after a restart; that of before stands.
    site.waits_for(3, "sum(done)", 3.0);
    assert_eq!(site.sees(3, "sum(max_over_time(done[1h]))"), Some(5.0));
}
