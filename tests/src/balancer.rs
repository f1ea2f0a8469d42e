//! nginx, with the configuration that `deploy/nginx` ships.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::{Program, Server, eventually, free_port};

/// nginx with its files in a folder of the test.
pub struct Balancer {
    program: Program,
    /// Where it takes datagrams and TLS streams.
    pub address: SocketAddr,
    statsd: SocketAddr,
    folder: PathBuf,
}

const SHIPPED: &str = include_str!("../../deploy/nginx/weir.conf");
const PATIENCE: Duration = Duration::from_secs(60);

impl Balancer {
    /// Starts it and waits until it listens.
    pub fn start(folder: &Path, gateways: &[&Server]) -> Self {
        let (address, statsd, folder) = (free_port(), free_port(), folder.join("nginx"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("nginx.conf"), config(address, statsd, gateways)).unwrap();
        let folder_text = folder.display().to_string();
        let args = ["-p", &folder_text, "-c", "nginx.conf", "-e", "error.log"].map(str::to_owned);
        let program = Program::start_at(Path::new("/usr/sbin/nginx"), &args, &folder.join("nginx.log"));
        eventually("nginx to listen", PATIENCE, || TcpStream::connect(address).ok());
        Self { program, address, statsd, folder }
    }

    /// Takes new connections and UDP sessions to these from now on.
    pub fn lead_to(&self, gateways: &[&Server]) {
        fs::write(self.folder.join("nginx.conf"), config(self.address, self.statsd, gateways)).unwrap();
        self.program.signal(Signal::HUP);
    }
}

impl Drop for Balancer {
    /// Its workers would live on if it were killed.
    fn drop(&mut self) {
        self.program.stop();
    }
}

/// The shipped configuration with other addresses.
fn config(batches: SocketAddr, statsd: SocketAddr, gateways: &[&Server]) -> String {
    let head = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid nginx.pid;
events { worker_connections 4096; }
";
    let listen = |line: &str| {
        line.replace("listen 8640", &format!("listen {batches}")).replace("listen 8125", &format!("listen {statsd}"))
    };
    let lines = SHIPPED.lines().flat_map(|line| match line.trim_start().strip_prefix("server gateway-") {
        None => vec![listen(line)],
        // One line stands for all.
        Some(rest) if rest.starts_with('1') => {
            let options = rest.split_once(' ').map_or(";", |(_, options)| options);
            gateways.iter().map(|gateway| format!("server {} {options}", gateway.ports.batch)).collect()
        }
        Some(_) => Vec::new(),
    });
    format!("{head}{}\n", lines.collect::<Vec<_>>().join("\n"))
}
