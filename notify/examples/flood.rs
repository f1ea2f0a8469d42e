//! Many alerts fire at once: how long until a webhook has them all, and what memory that takes. Prints one JSON object.
//!
//! `cargo run --release -p weir-notify --example flood -- 100000 10` (alerts, groups)

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use weir_alert::event::{Event, Status};
use weir_alert::routing::Config;
use weir_notify::{Runner, Settings, load_templates};
use weir_sample::Timestamp;

#[expect(clippy::disallowed_methods, reason = "a measurement takes the real time")]
fn clock() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as i64)
}

#[expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement takes the real time, and ends if it cannot be taken"
)]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (alerts, groups) = (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(10));
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "route: {{receiver: a, group_by: [g], group_wait: 5s, group_interval: 5s}}\nreceivers: [{{name: a, webhook_configs: [{{url: 'http://{}/'}}]}}]",
        listener.local_addr().unwrap()
    );
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| _ = serve(stream, &counter)));
    let config = Config::read("am.yml", &text).unwrap();
    let templates = load_templates(&config, folder.path()).unwrap();
    let (runner, handle, _) = Runner::new(Settings::new(folder.path().join("state"), ""), config, templates, clock);
    let run = tokio::spawn(runner.run());
    let start = Instant::now();
    let numbers: Vec<usize> = (0..alerts).collect();
    for batch in numbers.chunks(1_000) {
        handle.tell(batch.iter().map(|number| event(*number, groups)).collect(), None).await.unwrap();
    }
    let accepted = start.elapsed();
    while taken.load(Ordering::Relaxed) < alerts {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = start.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    println!(
        "{{\"alerts\": {alerts}, \"groups\": {groups}, \"accepted_s\": {:.2}, \"told_s\": {:.2}, \"peak\": \"{peak}\"}}",
        accepted.as_secs_f64(),
        told.as_secs_f64()
    );
    drop(handle);
    run.await.unwrap();
}

fn event(number: usize, groups: usize) -> Event {
    let now = clock().millis();
    let pairs = [
        ("alertname", "HostDiskWillFillIn24Hours".to_owned()),
        ("g", (number % groups).to_string()),
        ("instance", format!("host-{number}.example.org:9100")),
        ("job", "node".to_owned()),
        ("severity", "warning".to_owned()),
        ("mountpoint", "/var/lib/data".to_owned()),
    ];
    let annotations = [
        ("summary", format!("Host disk will fill in 24 hours (instance host-{number}.example.org:9100)")),
        (
            "description",
            "Filesystem is predicted to run out of space within the next 24 hours at current write rate".to_owned(),
        ),
    ];
    Event {
        tenant: 0,
        labels: pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        annotations: annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        status: Status::Firing,
        starts_at_ms: now,
        ends_at_ms: now + 240_000,
        evaluated_at_ms: now,
        value: Some(1.0),
        active_at_ms: 0,
        late: false,
        generator_url: "http://weir/graph?g0.expr=predict_linear".into(),
        seq: 1,
        source: "host.yml;disk".into(),
    }
}

/// Takes one request and counts its alerts.
fn serve(stream: TcpStream, taken: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let (mut chunk, mut left, mut alerts) = (vec![0; 64 << 10], length, 0);
    let mut carried = Vec::new();
    let mark = b"\"fingerprint\":";
    while left > 0 {
        let read = reader.read(&mut chunk[..left.min(64 << 10)])?;
        left -= read;
        carried.extend_from_slice(&chunk[..read]);
        alerts += carried.windows(mark.len()).filter(|window| window == mark).count();
        carried.drain(..carried.len().saturating_sub(mark.len() - 1));
    }
    taken.fetch_add(alerts, Ordering::Relaxed);
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}
