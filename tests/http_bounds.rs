//! Promise: HTTP clients that are silent, slow, greedy or another site's page cost their own request and nothing else.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use weir_tests::{Agent, Program, Server, ServerPorts, eventually, program};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a client of any kind is given at most, and a slow machine's own time.
const BOUND: Duration = Duration::from_secs(30);

fn connect(server: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// What comes until the other side closes; panics if it does not within the bound.
fn until_closed(what: &str, mut stream: &TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("{what} is still open")
        }
        // A reset is an end too.
        Ok(_) | Err(_) => String::from_utf8_lossy(&answer).into_owned(),
    }
}

fn ask(server: SocketAddr, request: &str) -> String {
    let stream = connect(server, &request.replace("HTTP/1.1\n", "HTTP/1.1\nconnection: close\n").replace('\n', "\r\n"));
    until_closed(request, &stream)
}

fn closed(server: &Server, reason: &str) -> f64 {
    server.reading(&format!("weir_http_closed_connections_total{{reason=\"{reason}\"}}")).unwrap()
}

#[test]
fn half_open_requests_end_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let http = server.ports.http;
    let get = "GET /livez HTTP/1.1\r\nhost: localhost\r\n";
    let post = "POST /api/v1/query HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\nquery=";
    let (silent, head, idle) = (connect(http, ""), connect(http, get), connect(http, &format!("{get}\r\n")));
    let (body, dripping) = (connect(http, post), connect(http, post));
    // More answers than the sockets' buffers hold, and nobody who reads them.
    let (_, page) = server.get("/").unwrap();
    let script = page.split('"').find(|text| text.ends_with(".js")).unwrap().trim_start_matches('.');
    let greedy = connect(http, &format!("GET {script} HTTP/1.1\r\nhost: localhost\r\n\r\n").repeat(500));
    thread::scope(|scope| {
        let mut drip = dripping.try_clone().unwrap();
        scope.spawn(move || {
            while drip.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(500))
            }
        });
        scope.spawn(|| assert_eq!(until_closed("a silent connection", &silent), ""));
        scope.spawn(|| assert_eq!(until_closed("half a head", &head), ""));
        scope.spawn(|| assert!(until_closed("an idle connection", &idle).ends_with("alive\n")));
        scope.spawn(|| assert!(until_closed("half a body", &body).starts_with("HTTP/1.1 408")));
        scope.spawn(|| {
            until_closed("a body that drips", &dripping);
            let _ = dripping.shutdown(Shutdown::Both);
        });
        eventually("the client that does not read", BOUND, || (closed(&server, "slow_reader") == 1.0).then_some(()));
    });
    drop(greedy);
    assert_eq!(["head_timeout", "body_timeout", "idle"].map(|reason| closed(&server, reason)), [2.0, 2.0, 1.0]);
    eventually("the connections to be free", PATIENCE, || {
        server.reading("weir_http_connections").filter(|open| *open <= 1.0)
    });
}

#[test]
fn a_port_with_tls_waits_for_no_handshake_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    run("weir", &["certs", "dev", &path("certs")]);
    let certificates: Vec<_> = fs::read_dir(path("certs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let file =
        |end: &str| certificates.iter().find(|path| path.ends_with(end)).unwrap_or_else(|| panic!("{certificates:?}"));
    let tls = format!("[tls]\ncertificates = {:?}\nkey = {:?}\nhttp = true\n", file("server.pem"), file("server.key"));
    fs::write(path("weir.toml"), tls).unwrap();
    let ports = ServerPorts::free();
    let args = ["up", "--statsd", "off", "--config", &path("weir.toml"), "--data", &path("server"), "--http"];
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let args = [args, vec![ports.http.to_string(), "--batch".into(), ports.batch.to_string()]].concat();
    let _server = Program::start("weir", &args, Path::new(&path("log")));
    eventually("the ports", PATIENCE, || TcpStream::connect(ports.http).and(TcpStream::connect(ports.batch)).ok());
    thread::scope(|scope| {
        for (what, address) in [("HTTP", ports.http), ("batches", ports.batch)] {
            scope.spawn(move || until_closed(what, &connect(address, "")));
            scope.spawn(move || until_closed(what, &connect(address, "\u{16}\u{3}\u{1}")));
        }
    });
}

#[test]
fn connections_leave_descriptors_to_storage() {
    let folder = tempfile::tempdir().unwrap();
    let (ports, data) = (ServerPorts::free(), folder.path().join("server"));
    let command = format!(
        "ulimit -n 128; exec {:?} up --statsd off --http {} --batch {} --data {data:?}",
        program("weir"),
        ports.http,
        ports.batch
    );
    let shell = Program::start_at(Path::new("/bin/sh"), &["-c".into(), command], &folder.path().join("log"));
    let server = Server::adopt(shell, ports, data);
    let agent = Agent::start(folder.path(), &ports.batch.to_string(), &server.keys(), &[]);
    let mut sent = 0;
    let mut emit = |times: usize| {
        agent.emit("stored:1|c", times);
        sent += times;
        sent as f64
    };
    emit(10);
    eventually("the first lines", PATIENCE, || server.number("stored").filter(|sum| *sum == 10.0));
    let crowd: Vec<_> = (0..150).map(|_| connect(ports.http, "")).collect();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        emit(10);
        thread::sleep(Duration::from_millis(300));
    }
    let sum = emit(0);
    drop(crowd);
    eventually("all lines", PATIENCE, || server.number("stored").filter(|seen| *seen == sum));
    assert!(closed(&server, "full") >= 100.0, "{}", closed(&server, "full"));
    assert_eq!(server.get("/readyz").unwrap().0, 200);
}

#[test]
fn two_thousand_idle_connections_are_cheap() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let measure = || (memory(&server, "VmRSS"), server.reading("process_open_fds").unwrap());
    let (resident, files) = measure();
    let idle: Vec<_> = (0..2_000)
        .map(|_| {
            let mut stream = connect(server.ports.http, "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
            assert!(stream.read(&mut [0; 1_024]).unwrap() > 0);
            stream
        })
        .collect();
    let (more_resident, more_files) = measure();
    let grown = more_resident - resident;
    println!("2,000 idle connections: {} KiB more in memory, {} descriptors", grown >> 10, more_files - files);
    assert!(more_files - files >= 1_990.0 && grown < 64 << 20, "{grown} {files} {more_files}");
    drop(idle);
    eventually("their descriptors", PATIENCE, || server.reading("process_open_fds").filter(|now| *now < files + 10.0));
}

/// Snappy's own form of `unit`, two bytes, again and again: three bytes tell 64.
fn bomb(unit: [u8; 2], length: usize) -> Vec<u8> {
    let mut bytes = varint(length as u64);
    bytes.extend([1 << 2, unit[0], unit[1]]);
    bytes.extend([(64 - 1) << 2 | 2, 2, 0].repeat((length - 2) / 64));
    bytes
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(bytes.len() as u64), bytes].concat()
}

fn memory(server: &Server, figure: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.program.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

fn write(server: &Server, body: &[u8]) -> (u16, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
    let request = ureq::Agent::from(config).post(format!("http://{}/api/v1/write", server.ports.http));
    let mut response = request.content_type("application/x-protobuf").send(body).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// One series with a sample of now, packed by Snappy as one literal.
fn request(labels: &[&[(&str, &str)]]) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let sample = [&[9][..], &7.0_f64.to_le_bytes(), &[16], &varint(now)].concat();
    let series = labels.iter().map(|labels| {
        let label =
            |(name, value): &(&str, &str)| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
        field(1, &[labels.iter().flat_map(label).collect(), field(2, &sample)].concat())
    });
    let plain: Vec<u8> = series.flatten().collect();
    let literal = u16::try_from(plain.len() - 1).unwrap().to_le_bytes();
    [&varint(plain.len() as u64)[..], &[61 << 2], &literal, &plain].concat()
}

#[test]
fn a_small_body_takes_no_large_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    assert_eq!(write(&server, &request(&[&[("__name__", "warm")]])).0, 204);
    let before = memory(&server, "VmHWM");
    let length = 2 + 64 * 270_000;
    // Empty series, empty metadata, and one series with nothing but empty labels or samples.
    let within = |unit| {
        let head = [&[0x0a][..], &varint(length as u64)].concat();
        let inner = bomb(unit, length);
        let (plain, literal) =
            (varint((length + head.len()) as u64), [&[(head.len() as u8 - 1) << 2][..], &head].concat());
        [&plain[..], &literal, &inner[varint(length as u64).len()..]].concat()
    };
    let bodies = [bomb([0x0a, 0], length), bomb([0x1a, 0], length), within([0x0a, 0]), within([0x12, 0])];
    assert!(bodies.iter().all(|body| body.len() < 900_000));
    let answers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for body in bodies.iter().chain(&bodies) {
            scope.spawn(|| answers.lock().unwrap().push(write(&server, body)));
        }
    });
    let answers = answers.into_inner().unwrap();
    let named = answers.iter().filter(|(status, text)| *status == 400 && text.contains("more than")).count();
    // A series of nothing but empty labels is no request over a limit: it has no samples, so nothing is stored of it.
    let empty = answers.iter().filter(|(status, _)| *status == 204).count();
    assert_eq!((named, empty), (6, 2), "{answers:?}");
    let grown = memory(&server, "VmHWM") - before;
    println!("eight bad bodies at once: {} KiB more at the peak", grown >> 10);
    assert!(grown < 64 << 20, "grown by {grown}");
}

#[test]
fn odd_series_are_named_and_the_rest_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let long = "n".repeat(1_025);
    let (status, text) = write(
        &server,
        &request(&[
            &[("__name__", "good"), ("zone", "a")],
            &[("__name__", "twice"), ("zone", "a"), ("zone", "b")],
            &[("__name__", "named"), ("__name__", "again")],
            &[("__name__", "")],
            &[("__name__", &long)],
            &[("__name__", "x"), (&long, "v")],
            &[("__name__", "x"), ("", "v")],
        ]),
    );
    assert_eq!(status, 400, "{text}");
    for part in [
        "2 samples have two labels of one name",
        "1 samples have no metric name",
        "1 samples have a label without",
        "2 samples have too long",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    eventually("the good series", PATIENCE, || server.number("good").filter(|value| *value == 7.0));
    let names = server.query("count({__name__=~\"twice|named|again|_|x|n+\"})").unwrap();
    assert_eq!(names, Value::Array(Vec::new()));
}

#[test]
fn pages_of_other_sites_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let check = |request: &str, status: u16, part: &str| {
        let answer = ask(server.ports.http, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(part), "{request}: {answer}");
    };
    let own = format!("localhost:{}", server.ports.http.port());
    check("GET /api/v1/labels HTTP/1.1\nhost: evil.example\n\n", 403, "listen.hosts");
    check("GET /metrics HTTP/1.1\nhost: evil.example\n\n", 403, "listen.hosts");
    check(&format!("GET /api/v1/labels HTTP/1.1\nhost: {own}\n\n"), 200, "success");
    let post = |path: &str, origin: &str, kind: &str| {
        format!(
            "POST {path} HTTP/1.1\nhost: {own}\norigin: http://{origin}\ncontent-type: {kind}\ncontent-length: 7\n\nquery=1"
        )
    };
    let form = "application/x-www-form-urlencoded";
    check(&post("/api/v1/query", "evil.example", form), 403, "origin");
    check(&post("/api/v1/query", &own, form), 200, "success");
    check(&post("/api/v1/write", "evil.example", "application/x-protobuf"), 403, "origin");
    check(&post("/api/v1/write", &own, "text/plain"), 415, "content_type");
    check(&post("/v1/session", &own, form), 415, "content_type");
    check(&post("/api/v1/write", &own, "application/x-protobuf"), 400, "malformed");
    let headers = ask(server.ports.http, &format!("GET / HTTP/1.1\nhost: {own}\n\n"));
    for header in
        ["content-security-policy: default-src 'none'", "frame-ancestors 'none'", "x-content-type-options: nosniff"]
    {
        assert!(headers.contains(header), "{headers}");
    }
    let refused = |reason| server.reading(&format!("weir_http_refused_requests_total{{reason=\"{reason}\"}}"));
    assert_eq!(["host", "origin", "content_type"].map(refused), [Some(2.0); 3]);
}

#[test]
fn a_tenants_reader_learns_nothing_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    run("weir", &["token", "key", &path("ops")]);
    let config = format!("[identity]\ntoken_keys = [{:?}]\n[admission]\nmax_agent_series = 20\n", path("ops.pem"));
    fs::write(path("weir.toml"), config).unwrap();
    let server = Server::start_on(folder.path(), ServerPorts::free(), &["--config", &path("weir.toml")]);
    let _agent = Agent::start(folder.path(), &server.ports.batch.to_string(), &server.keys(), &[]);
    let token = |tenant: &str, scope: &str| {
        let of = ["token", "issue", "--key", &path("ops.key"), "--sub", "t", "--tenant", tenant, "--scope", scope];
        run("weir", &[&of[..], &["--expires-in", "1h"]].concat()).trim().to_owned()
    };
    let (zero, seven, admin) = (token("0", "read"), token("7", "read"), token("0", "admin"));
    let tells = |token: Option<&str>| server.ask("/metrics", token).unwrap().1.contains("tenant=\"0\"");
    eventually("the limit to name a metric", PATIENCE, || tells(Some(&admin)).then_some(()));
    assert_eq!([tells(Some(&zero)), tells(Some(&seven)), tells(None)], [true, false, false]);
    let fleet = |token: &str| {
        let (_, body) = server.ask("/api/v1/status/fleet", Some(token)).unwrap();
        serde_json::from_str::<Value>(&body).unwrap()["data"].clone()
    };
    let grows = || Some(fleet(&zero)).filter(|data| data["agents"] == 1 && data["batches_received"].as_u64() > Some(0));
    eventually("the tenant's own agent", PATIENCE, grows);
    let others = fleet(&seven);
    for figure in ["agents", "samples_per_second", "batches_received", "batches_acked"] {
        assert_eq!(others[figure].as_f64(), Some(0.0), "{figure}: {others}");
    }
}

fn run(name: &str, args: &[&str]) -> String {
    let output = Command::new(program(name)).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
