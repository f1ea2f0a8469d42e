//! Promise: services that register themselves in etcd are scraped within two seconds, end when their key goes, and stay targets while
//! etcd is away. Needs Debian's etcd-server.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_tests::{Program, Server, eventually, free_port};

const PATIENCE: Duration = Duration::from_secs(60);
/// What a change may take to be seen.
const AT_ONCE: Duration = Duration::from_secs(2);

struct Etcd {
    address: SocketAddr,
    args: Vec<String>,
    log: std::path::PathBuf,
    running: Option<Program>,
}

impl Etcd {
    fn start(folder: &Path) -> Self {
        let (address, peers) = (free_port(), free_port());
        let (client, peer) = (format!("http://{address}"), format!("http://{peers}"));
        let data = folder.join("etcd").display().to_string();
        let args = [
            ["--data-dir", &data],
            ["--listen-client-urls", &client],
            ["--advertise-client-urls", &client],
            ["--listen-peer-urls", &peer],
            ["--initial-advertise-peer-urls", &peer],
            ["--initial-cluster", &format!("default={peer}")],
        ];
        let args = args.concat().into_iter().map(str::to_owned).collect();
        let mut etcd = Self { address, args, log: folder.join("etcd.log"), running: None };
        etcd.start_again();
        etcd
    }

    fn start_again(&mut self) {
        let path = Path::new("/usr/bin/etcd");
        assert!(path.exists(), "there is no etcd: run tests/setup, or apt-get install -y etcd-server");
        self.running = Some(Program::start_at(path, &self.args, &self.log));
        eventually("etcd", PATIENCE, || self.try_ask("kv/range", &json!({ "key": coded("a") })));
    }

    fn try_ask(&self, what: &str, body: &Value) -> Option<String> {
        let url = format!("http://{}/v3/{what}", self.address);
        ureq::post(url).send(body.to_string()).ok()?.body_mut().read_to_string().ok()
    }

    fn put(&self, key: &str, value: &str) {
        self.try_ask("kv/put", &json!({ "key": coded(key), "value": coded(value) })).unwrap();
    }

    fn delete(&self, key: &str) {
        self.try_ask("kv/deleterange", &json!({ "key": coded(key) })).unwrap();
    }
}

/// Base64.
fn coded(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let piece = |bytes: &[u8]| {
        let word = bytes.iter().chain(&[0, 0]).take(3).fold(0usize, |word, byte| word << 8 | usize::from(*byte));
        let letter = |at: usize| if at > bytes.len() { '=' } else { char::from(LETTERS[word >> (18 - 6 * at) & 63]) };
        (0..4).map(letter).collect::<String>()
    };
    text.as_bytes().chunks(3).map(piece).collect()
}

/// A target that tells the path of each request.
fn exporter() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (sender, paths)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = sender.send(answer(&mut stream).unwrap_or_default());
        }
    });
    (address, paths)
}

fn answer(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut request, mut piece) = (Vec::new(), [0; 2_048]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(String::new()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 9\r\n\r\nsteady 1\n",
    )?;
    Ok(String::from_utf8_lossy(&request).split(' ').nth(1).unwrap_or_default().to_owned())
}

#[test]
fn services_that_register_in_etcd_are_scraped_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut etcd, (exporter, paths)) = (Server::start(folder.path()), Etcd::start(folder.path()), exporter());
    let (config, listen) = (folder.path().join("scrape.yml").display().to_string(), free_port());
    let text = format!(
        "global: {{scrape_interval: 30s}}\nscrape_configs:\n- job_name: registered\n  \
         etcd_sd_configs: [{{endpoints: ['http://{}'], prefix: /services/}}]\n",
        etcd.address
    );
    fs::write(&config, text).unwrap();
    let group = |path: &str| {
        let labels = json!({ "__metrics_path__": path, "service": path[1..] });
        json!({ "targets": [exporter.to_string()], "labels": labels }).to_string()
    };
    etcd.put("/services/a", &group("/a"));
    let (url, keys) = (format!("http://{}", server.ports.http), server.keys().display().to_string());
    let listening = listen.to_string();
    let args = ["collect", "--config", &config, "--server", &url, "--keys", &keys, "--listen", &listening];
    let log = folder.path().join("collect.log");
    let _collector = Program::start("weir", &args.map(str::to_owned), &log);
    assert_eq!(paths.recv_timeout(PATIENCE).as_deref(), Ok("/a"));

    let scraped_at_once = |etcd: &Etcd, path: &str| {
        let told = Instant::now();
        etcd.put(&format!("/services{path}"), &group(path));
        eventually(path, PATIENCE, || (paths.recv_timeout(PATIENCE).ok()? == path).then_some(()));
        assert!(told.elapsed() < AT_ONCE, "{path} was scraped after {:?}", told.elapsed());
    };
    scraped_at_once(&etcd, "/b");
    scraped_at_once(&etcd, "/c");
    let targets = || {
        let mut response = ureq::get(format!("http://{listen}/api/v1/targets")).call().ok()?;
        let said: Value = serde_json::from_str(&response.body_mut().read_to_string().ok()?).ok()?;
        let services =
            said["data"]["activeTargets"].as_array()?.iter().map(|target| target["labels"]["service"].to_string());
        Some(services.collect::<Vec<_>>().join(","))
    };
    assert_eq!(targets().as_deref(), Some("\"a\",\"b\",\"c\""));
    let gone = Instant::now();
    etcd.delete("/services/b");
    eventually("one target less", AT_ONCE, || (targets()? == "\"a\",\"c\"").then_some(()));
    assert!(gone.elapsed() < AT_ONCE);
    // Neither an address nor a group: it costs itself only.
    etcd.put("/services/bad", "{");
    let told = || fs::read_to_string(&log).ok().filter(|log| log.contains("/services/bad"));
    eventually("the bad key to be told", PATIENCE, told);

    etcd.running.take().unwrap().kill();
    let is_told = || fs::read_to_string(&log).ok().filter(|log| log.contains("its targets of before stay"));
    eventually("its absence to be told", PATIENCE, is_told);
    assert_eq!(targets().as_deref(), Some("\"a\",\"c\""));
    etcd.start_again();
    etcd.put("/services/d", &group("/d"));
    eventually("what is registered after it is back", PATIENCE, || {
        (paths.recv_timeout(PATIENCE).ok()? == "/d").then_some(())
    });
    assert_eq!(server.query("up{service=\"a\"} == 0"), Some(json!([])));
}
