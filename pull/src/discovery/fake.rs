//! Servers that tests of discovery ask: they answer as they are told to, and can be silent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

use super::running::Running;
use super::said::Said;
use crate::config::{Config, Group, Source};

/// Answers by path, without its query.
#[derive(Clone)]
pub(super) struct Fake(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    answers: Mutex<HashMap<String, (String, u64)>>,
    /// Lines for whoever watches a path.
    lines: broadcast::Sender<(String, String)>,
    changed: broadcast::Sender<()>,
    pub asked: Mutex<Vec<String>>,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (lines, changed) = (broadcast::channel(64).0, broadcast::channel(64).0);
        let (address, answers, asked) = (listener.local_addr().unwrap(), Mutex::default(), Mutex::default());
        let fake = Self(Arc::new(Shared { address, answers, lines, changed, asked }));
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = serving.clone();
                tokio::spawn(async move { fake.serve(stream).await });
            }
        });
        fake
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Says this at a path from now on; the index grows.
    pub(super) fn set(&self, path: &str, body: &str) {
        let mut answers = self.0.answers.lock().unwrap();
        let index = answers.values().map(|(_, index)| *index).max().unwrap_or(0) + 1;
        answers.insert(path.to_owned(), (body.to_owned(), index));
        drop(answers);
        let _ = self.0.changed.send(());
    }

    /// Answers with 404 there.
    pub(super) fn unset(&self, path: &str) {
        self.0.answers.lock().unwrap().remove(path);
    }

    /// A line for all that watch a path.
    pub(super) fn line(&self, path: &str, line: &str) {
        self.0.lines.send((path.to_owned(), line.to_owned())).unwrap();
    }

    /// Whole requests, the first line of each.
    pub(super) fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).await.ok()?;
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1)?.to_owned();
            // Whoever sees the question sees that lines are heard.
            let lines = self.0.lines.subscribe();
            self.0.asked.lock().unwrap().push(head.clone());
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            if query.contains("watch=1") {
                return watched(stream, path, lines).await;
            }
            let given = query.split('&').find_map(|part| part.strip_prefix("index=")?.parse::<u64>().ok());
            let mut changes = self.0.changed.subscribe();
            let answer = loop {
                let answer = self.0.answers.lock().unwrap().get(path).cloned();
                match &answer {
                    // As Consul does: nothing new, so nothing is said.
                    Some((_, index)) if given == Some(*index) => _ = changes.recv().await,
                    _ => break answer,
                }
            };
            let (status, (body, index)) =
                answer.map_or(("404 Not Found", Default::default()), |answer| ("200 OK", answer));
            let text =
                format!("HTTP/1.1 {status}\r\nx-consul-index: {index}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(text.as_bytes()).await.ok()?;
        }
    }
}

async fn watched(mut stream: TcpStream, path: &str, mut lines: broadcast::Receiver<(String, String)>) -> Option<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
    while let Ok((of, line)) = lines.recv().await {
        if of == path {
            // In two pieces, as a network may bring it.
            let (first, rest) = line.split_at(line.len() / 2);
            for piece in [first.to_owned(), format!("{rest}\n")] {
                stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await.ok()?;
            }
        }
    }
    Some(())
}

/// A place of a configuration's first job, followed.
pub(super) fn follow(text: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scrape.yml");
    std::fs::write(&path, format!("scrape_configs:\n- {{job_name: j, {text}}}\n")).unwrap();
    let source: Source = Config::load(&path).unwrap().jobs.remove(0).sources.remove(0);
    Running::start(source, Arc::default(), Arc::default())
}

/// Waits until what a place said is as it should be.
pub(super) async fn until(running: &mut Running, what: &str, is_so: impl Fn(&Said) -> bool) -> Vec<Group> {
    let waited = tokio::time::timeout(Duration::from_secs(20), running.said.wait_for(|said| is_so(said))).await;
    let Ok(Ok(said)) = waited.map(|said| said.map(|said| said.clone())) else {
        panic!("{what}: {:?}", *running.said.borrow());
    };
    said.groups.as_deref().cloned().unwrap_or_default()
}

/// Addresses of all targets, in order.
pub(super) fn addresses(said: &Said) -> Vec<String> {
    let groups = said.groups.iter().flat_map(|groups| groups.iter());
    let mut all: Vec<_> = groups.flat_map(|group| group.targets.clone()).collect();
    all.sort();
    all
}
