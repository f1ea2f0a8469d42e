//! Apache Kafka: one broker that is its own controller, with the jars that `tests/setup` fetches.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::{Program, eventually, free_port};

/// A broker with its files in a folder of the test, killed when dropped.
pub struct Broker {
    /// Where clients reach it.
    pub address: SocketAddr,
    /// Where it speaks plainly: the same, unless it is sealed.
    plain: SocketAddr,
    /// Where brokers find the controller.
    controller: SocketAddr,
    folder: PathBuf,
    program: Program,
}

const PATIENCE: Duration = Duration::from_secs(60);
const FOR_BROKER: &[&str] = &[
    "-Xms128m",
    "-Xmx256m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    // It would tell every setting, in two thousand lines.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
];
const FOR_TOOL: &[&str] = &["-XX:TieredStopAtLevel=1", "-Xmx96m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];

/// Any will do.
const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

/// As few replicas and partitions as one broker can hold; a topic is there when a test makes it.
const SMALL: &str = "process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=16777216
";

impl Broker {
    /// Whom a sealed broker lets in.
    pub const USER: &str = "weir";
    /// Its password.
    pub const PASSWORD: &str = "a-pass-word-of-tests";

    /// Starts one that speaks plainly with everybody.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// The same with further lines of `server.properties`; they win over those that are there already.
    pub fn start_with(folder: &Path, more: &[&str]) -> Self {
        let address = free_port();
        Self::launch(folder, address, address, &format!("listeners=PLAINTEXT://{address}"), more)
    }

    /// Starts one that takes TLS and SCRAM-SHA-512 alone, from [`Broker::USER`].
    pub fn start_sealed(folder: &Path) -> Self {
        let (address, plain) = (free_port(), free_port());
        let files = folder.join("kafka");
        certificates(&files);
        std::fs::write(files.join("client.properties"), client_properties(&files)).unwrap();
        let more = [
            "sasl.enabled.mechanisms=SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "ssl.keystore.type=PEM",
            &format!("ssl.keystore.location={}", files.join("server.pem").display()),
        ];
        let listeners = format!("listeners=SASL_SSL://{address},PLAINTEXT://{plain}");
        Self::launch(folder, address, plain, &listeners, &more)
    }

    /// Starts another one, with a number from 2 on, under this one's controller.
    pub fn join(&self, folder: &Path, number: u32) -> Self {
        let (address, folder) = (free_port(), folder.join(format!("kafka-{number}")));
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let text = SMALL
            .replace("process.roles=broker,controller", "process.roles=broker")
            .replace("node.id=1", &format!("node.id={number}"));
        let own = format!("listeners=PLAINTEXT://{address}\ncontroller.quorum.bootstrap.servers={}", self.controller);
        let text = format!("{text}{own}\nlog.dirs={}\n", folder.join("data").display());
        let properties = folder.join("server.properties");
        std::fs::write(&properties, text).unwrap();
        let mut format = java(&folder, FOR_TOOL, "kafka.tools.StorageTool");
        format.extend(["format", "--no-initial-controllers", "--cluster-id", CLUSTER, "-c"].map(str::to_owned));
        format.push(properties.display().to_string());
        output("java", &format);
        let controller = self.controller;
        let mut broker = Self { address, plain: address, controller, program: start(&folder), folder };
        broker.wait_until_ready();
        broker
    }

    fn launch(folder: &Path, address: SocketAddr, plain: SocketAddr, listeners: &str, more: &[&str]) -> Self {
        let (folder, controller) = (folder.join("kafka"), free_port());
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let properties = folder.join("server.properties");
        let own = format!("{listeners},CONTROLLER://{controller}\ncontroller.quorum.bootstrap.servers={controller}");
        let text = format!("{SMALL}{own}\nlog.dirs={}\n{}\n", folder.join("data").display(), more.join("\n"));
        std::fs::write(&properties, text).unwrap();
        let user = format!("SCRAM-SHA-512=[name={},password={}]", Self::USER, Self::PASSWORD);
        let mut format = java(&folder, FOR_TOOL, "kafka.tools.StorageTool");
        format
            .extend(["format", "--standalone", "--cluster-id", CLUSTER, "--add-scram", &user, "-c"].map(str::to_owned));
        format.push(properties.display().to_string());
        output("java", &format);
        let mut broker = Self { address, plain, controller, program: start(&folder), folder };
        broker.wait_until_ready();
        broker
    }

    /// What a client of a sealed broker trusts.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// SIGTERM; waits until it has ended.
    pub fn stop(&mut self) {
        self.program.stop();
    }

    /// Starts it again after its process has ended, on the same files and ports, and waits until it is ready.
    /// One that was killed is not let in again before its session has run out: `broker.session.timeout.ms`, 9 s.
    pub fn start_again(&mut self) {
        self.program = start(&self.folder);
        self.wait_until_ready();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.program.id()
    }

    /// What one of Kafka's own tools prints about this broker, such as `org.apache.kafka.tools.TopicCommand`.
    pub fn tool(&self, class: &str, args: &[&str]) -> String {
        let mut all = java(&self.folder, FOR_TOOL, class);
        all.extend(["--bootstrap-server".into(), self.address.to_string()]);
        let config = self.folder.join("client.properties");
        if config.exists() {
            all.extend(["--command-config".into(), config.display().to_string()]);
        }
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        output("java", &all)
    }

    fn wait_until_ready(&mut self) {
        eventually("Kafka to be ready", PATIENCE, || {
            if let Some(status) = self.program.ended() {
                panic!("Kafka ended with {status}: see {}", log(&self.folder).display());
            }
            brokers(self.plain).ok().filter(|brokers| *brokers > 0)
        });
    }
}

fn start(folder: &Path) -> Program {
    let mut args = java(folder, FOR_BROKER, "kafka.Kafka");
    args.push(folder.join("server.properties").display().to_string());
    Program::start_at(Path::new("java"), &args, &log(folder))
}

fn log(folder: &Path) -> PathBuf {
    folder.with_extension("log")
}

/// What `java` takes before a class's own arguments.
fn java(folder: &Path, more: &[&str], class: &str) -> Vec<String> {
    let mut args: Vec<String> = more.iter().map(|arg| (*arg).to_owned()).collect();
    args.extend(["-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.showDateTime=true"].map(str::to_owned));
    args.push("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS".into());
    // Native libraries are unpacked there, and stay after SIGKILL.
    args.push(format!("-Djava.io.tmpdir={}", folder.join("tmp").display()));
    args.extend(["-cp".into(), format!("{}/*", jars().display()), class.into()]);
    args
}

/// Where `tests/setup` puts the jars.
fn jars() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let jars = cache.map(|cache| cache.join("weir-tests/kafka-4.3.0")).filter(|jars| jars.is_dir());
    jars.expect("there is no Kafka: run tests/setup")
}

/// How many brokers serve, as the one there says: none until it may lead partitions.
fn brokers(address: SocketAddr) -> io::Result<u32> {
    /// Metadata, version 1, with the length in front: correlation 0, a client without a name, no topics.
    const REQUEST: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&REQUEST)?;
    // Length, correlation, number of brokers.
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(u32::from_be_bytes([head[8], head[9], head[10], head[11]]))
}

/// An authority in `ca.pem`, and in `server.pem` a key with a certificate for loopback.
fn certificates(folder: &Path) {
    let path = |name: &str| folder.join(name).display().to_string();
    let [config, ca, ca_key, key] = ["openssl.cnf", "ca.pem", "ca.key", "server.key"].map(path);
    let text = "[req]\nprompt=no\ndistinguished_name=name\n[name]\nCN=Kafka of tests\n\
                [ca]\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n\
                [server]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n";
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(&config, text).unwrap();
    let made = |more: &[&str]| {
        let common = "req -x509 -days 30 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -config";
        let args = common.split(' ').chain([config.as_str()]).chain(more.iter().copied());
        output("openssl", &args.map(str::to_owned).collect::<Vec<_>>())
    };
    std::fs::write(&ca, made(&["-extensions", "ca", "-keyout", &ca_key])).unwrap();
    let server = made(&["-extensions", "server", "-keyout", &key, "-CA", &ca, "-CAkey", &ca_key]);
    std::fs::write(path("server.pem"), std::fs::read_to_string(&key).unwrap() + &server).unwrap();
}

fn client_properties(folder: &Path) -> String {
    let (user, password, ca) = (Broker::USER, Broker::PASSWORD, folder.join("ca.pem"));
    format!(
        "security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username={user} password={password};
ssl.truststore.type=PEM
ssl.truststore.location={}
",
        ca.display()
    )
}

/// Runs a program to its end and returns what it printed; panics when it fails.
fn output(program: &str, args: &[String]) -> String {
    let done = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("starting {program}: {error}"));
    let (printed, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {}: {}\n{printed}{errors}", args.join(" "), done.status);
    printed.into_owned()
}
