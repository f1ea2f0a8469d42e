//! The object store of `[store.cold]` and of backups, by its address: a local folder, or S3 and what speaks like it.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::runtime::Runtime;
use weir_store::Remote;

/// Objects larger than this are sent in parts of that size; S3 takes 10,000 of them, that is 160 GB.
const PART_BYTES: usize = 16 << 20;

/// Parts under way at once.
const PARTS_AT_ONCE: usize = 4;

/// How long a request may take with all that is tried again. A query that waits for longer does without.
const PATIENCE: Duration = Duration::from_secs(30);

/// Objects under one address. Calls block; the requests run on a thread of its own.
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    address: String,
    /// Ended in the background, because it may be dropped where nothing may wait.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Objects {
    /// The objects under an address such as `file:///mnt/cold` or `s3://bucket/prefix`. Options are those of the object
    /// store's library; what they leave open, `AWS_…` variables of the environment say.
    pub(crate) fn open(address: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        let (store, prefix) = connect(address, options).with_context(|| format!("opening {address}"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("weir-objects")
            .enable_all()
            .build()
            .context("starting a thread for the object store")?;
        Ok(Self { store, prefix, address: address.to_owned(), runtime: Some(runtime) })
    }

    fn path(&self, key: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(key).parts()))
    }

    /// Waits for a request on the thread that may run any.
    fn run<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
        patience: Duration,
    ) -> io::Result<T> {
        let (done, outcome) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        runtime.spawn(async move {
            let outcome = tokio::time::timeout(patience, request).await;
            // Whoever asked waits below.
            let _ = done.send(outcome);
        });
        match outcome.recv() {
            Ok(Ok(outcome)) => outcome.map_err(failed),
            Ok(Err(_)) => Err(io::ErrorKind::TimedOut.into()),
            Err(_) => Err(io::Error::other("the request met a fault: see the log")),
        }
    }

    /// Sends what follows the first part.
    fn put_parts(&self, path: Path, first: Vec<u8>, body: &mut dyn Read) -> io::Result<()> {
        let (store, at) = (self.store.clone(), path);
        let upload = self.run(async move { store.put_multipart(&at).await }, PATIENCE)?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut part = first;
        while !part.is_empty() {
            let send = async move {
                parts.put(part.into());
                parts.wait_for_capacity(PARTS_AT_ONCE).await.map(|()| parts)
            };
            parts = self.run(send, PATIENCE)?;
            part = match part_of(body) {
                Ok(part) => part,
                Err(error) => {
                    // The first error is the one to tell.
                    let _ = self.run(parts.abort(), PATIENCE);
                    return Err(error);
                }
            };
        }
        self.run(async move { parts.finish().await.map(drop) }, PATIENCE * PARTS_AT_ONCE as u32)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Remote for Objects {
    fn put(&self, key: &str, body: &mut dyn Read) -> io::Result<()> {
        let first = part_of(body)?;
        let path = self.path(key);
        if first.len() == PART_BYTES {
            return self.put_parts(path, first, body);
        }
        let store = self.store.clone();
        self.run(async move { store.put(&path, first.into()).await.map(drop) }, PATIENCE)
    }

    fn get_range(&self, key: &str, offset: u64, size: usize) -> io::Result<Vec<u8>> {
        let (store, path) = (self.store.clone(), self.path(key));
        let bytes = self.run(async move { store.get_range(&path, offset..offset + size as u64).await }, PATIENCE)?;
        Ok(bytes.into())
    }

    fn delete(&self, key: &str) -> io::Result<()> {
        let (store, path) = (self.store.clone(), self.path(key));
        match self.run(async move { store.delete(&path).await }, PATIENCE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<(String, u64)>> {
        let (store, path, prefix) = (self.store.clone(), self.path(folder), self.prefix.clone());
        let listing = async move {
            let mut found = Vec::new();
            let mut objects = store.list(Some(&path));
            while let Some(object) = objects.try_next().await? {
                let key = object.location.prefix_match(&prefix).map(Path::from_iter);
                found.extend(key.map(|key| (key.to_string(), object.size)));
            }
            Ok(found)
        };
        self.run(listing, PATIENCE)
    }
}

fn connect(address: &str, options: &BTreeMap<String, String>) -> Result<(Arc<dyn ObjectStore>, Path)> {
    if let Some(folder) = address.strip_prefix("file://") {
        if !folder.starts_with('/') {
            bail!("the folder must be named from the root, as in file:///mnt/cold");
        }
        weir_files::create_folder(std::path::Path::new(folder))?;
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder)?;
        return Ok((Arc::new(store.with_fsync(true)), Path::default()));
    }
    match address.strip_prefix("s3://") {
        Some(rest) => s3(rest, options),
        None => bail!("the address must begin with file:// or s3://"),
    }
}

#[cfg(feature = "s3")]
fn s3(rest: &str, options: &BTreeMap<String, String>) -> Result<(Arc<dyn ObjectStore>, Path)> {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let mut builder = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket);
    for (name, value) in options {
        let key = name.parse().with_context(|| format!("option {name}"))?;
        builder = builder.with_config(key, value);
    }
    let retry = object_store::RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..Default::default() };
    let store = builder.with_retry(retry).build()?;
    Ok((Arc::new(store), Path::from(prefix)))
}

#[cfg(not(feature = "s3"))]
fn s3(_: &str, _: &BTreeMap<String, String>) -> Result<(Arc<dyn ObjectStore>, Path)> {
    bail!("this program was built without S3: build it with --features s3")
}

/// As much as fits a part; less only at the end.
fn part_of(body: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    body.take(PART_BYTES as u64).read_to_end(&mut part)?;
    Ok(part)
}

fn failed(error: Error) -> io::Error {
    let kind = match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_in_a_folder_come_back_in_parts_and_in_ranges() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("file://{}/deep", folder.path().display());
        check(&Objects::open(&address, &BTreeMap::new()).unwrap());
    }

    fn check(objects: &Objects) {
        let large: Vec<u8> = (0..PART_BYTES + 5).map(|at| (at % 251) as u8).collect();
        objects.put("a/large", &mut large.as_slice()).unwrap();
        objects.put("a/small", &mut &b"small"[..]).unwrap();
        objects.put("ab/other", &mut &b""[..]).unwrap();
        assert_eq!(objects.get_range("a/large", PART_BYTES as u64 - 2, 100).unwrap(), large[PART_BYTES - 2..]);
        let mut listed = objects.list("a").unwrap();
        listed.sort();
        assert_eq!(listed, [("a/large".to_owned(), large.len() as u64), ("a/small".to_owned(), 5)]);
        objects.delete("a/small").unwrap();
        objects.delete("a/small").unwrap();
        assert_eq!(objects.get_range("a/small", 0, 1).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    /// Python's moto speaks S3 as a process of its own.
    #[cfg(feature = "s3")]
    #[test]
    fn objects_in_s3_come_back_in_parts_and_in_ranges() {
        use std::io::BufRead;
        const SERVER: &str = "import sys; from moto.server import ThreadedMotoServer as Server; \
             server = Server(ip_address='127.0.0.1', port=0, verbose=False); server.start(); \
             print('at', server.get_host_and_port()[1], flush=True); sys.stdin.read()";
        let mut command = std::process::Command::new("python3");
        command.args(["-c", SERVER]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut moto = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut lines = io::BufReader::new(moto.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| line.strip_prefix("at ")?.parse::<u16>().ok());
        let port = port.expect("moto starts: tests/setup installs it");
        let endpoint = format!("http://127.0.0.1:{port}");
        ureq::put(format!("{endpoint}/bucket")).send_empty().unwrap();
        let options = [("endpoint", endpoint.as_str()), ("allow_http", "true"), ("region", "us-east-1")];
        let credentials = [("access_key_id", "a"), ("secret_access_key", "b")];
        let options = options.into_iter().chain(credentials).map(|(name, value)| (name.to_owned(), value.to_owned()));
        check(&Objects::open("s3://bucket/deep/prefix", &options.collect()).unwrap());
        // Its standard input closes, and it ends.
        drop(moto.stdin.take());
        moto.kill().unwrap();
        moto.wait().unwrap();
    }

    #[test]
    fn addresses_that_mean_nothing_are_refused() {
        for address in ["file://mnt", "/mnt", "ftp://x"] {
            assert!(Objects::open(address, &BTreeMap::new()).is_err(), "{address}");
        }
    }
}
