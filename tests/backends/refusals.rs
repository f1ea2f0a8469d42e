//! What a backend refuses: single rows for good, all of it for now; and what is said of either.

use std::time::Duration;

use weir_tests::{Agent, FaultyHttp, Met, Server, ServerPorts, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

struct Site {
    folder: tempfile::TempDir,
    backend: FaultyHttp,
    weir: Server,
    agent: Agent,
}

fn start(judge: impl Fn(&Met) -> Option<String> + Send + Sync + 'static, more: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let backend = FaultyHttp::alone(Box::new(judge));
    let url = format!("http://{}/write", backend.address);
    let settings = format!(
        "[[sink.backend]]\nkind = 'influx'\nurl = '{url}'\nevery = '1s'\nmatch = ['{{__name__=~\"good|bad\"}}']\n{more}\n"
    );
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, format!("[sink]\ncheckpoint_interval_s = 1\n{settings}")).unwrap();
    let file = file.display().to_string();
    let weir = Server::start_as("up", folder.path().join("weir"), ServerPorts::free(), &["--config", &file]);
    let agent = Agent::start(folder.path(), &weir.ports.batch.to_string(), &weir.keys(), &["--host", "a"]);
    eventually("a first watermark", PATIENCE, || {
        let passed = weir.reading("weir_backend_passed_timestamp_seconds{backend=\"influx\"}")?;
        (passed > 0.0).then_some(())
    });
    Site { folder, backend, weir, agent }
}

fn refusal(status: &str, text: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{text}", text.len()))
}

fn lines(met: &Met) -> String {
    String::from_utf8_lossy(&met.body).into_owned()
}

#[test]
fn rows_that_are_refused_for_good_are_set_aside_by_name_and_the_others_go_on() {
    let site =
        start(|met| if lines(met).contains("kind=odd") { refusal("400 Bad Request", "no odd ones") } else { None }, "");
    for at in 0..6 {
        site.agent.emit(&format!("good:{at}|g"), 1);
        site.agent.emit(&format!("bad:{at}|g|#kind:even"), 1);
        site.agent.emit(&format!("bad:{at}|g|#kind:odd"), 1);
        std::thread::sleep(Duration::from_millis(700));
    }
    let refused = || site.weir.reading("weir_backend_refused_samples_total{backend=\"influx\"}");
    let refused = eventually("rows to be refused", PATIENCE, || refused().filter(|count| *count >= 3.0));
    let file = site.folder.path().join("weir/backends/influx/refused.jsonl");
    let aside = std::fs::read_to_string(&file).unwrap();
    assert!(aside.lines().count() as f64 >= refused, "{aside}");
    assert!(aside.lines().all(|line| line.contains("kind=\\\"odd\\\"") && line.contains("no odd ones")), "{aside}");
    eventually("the others to arrive", PATIENCE, || {
        let met: String = site.backend.met().iter().filter(|met| !lines(met).contains("kind=odd")).map(lines).collect();
        (met.contains("good,host=a") && met.contains("bad,host=a,kind=even")).then_some(())
    });
    assert_eq!(site.weir.get("/readyz").unwrap(), (200, "ready\n".into()), "one bad row is no trouble");
    let sent =
        |what: &str| site.weir.reading(&format!("weir_backend_sent_{what}_total{{backend=\"influx\"}}")).unwrap();
    let (bytes, samples) = (sent("bytes"), sent("samples"));
    assert!(samples > 0.0 && bytes > 20.0 * samples, "{bytes} bytes of {samples} lines");
}

#[test]
fn a_wrong_password_is_told_and_what_was_stored_meanwhile_arrives_when_it_is_mended() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "wrong\n").unwrap();
    let settings = format!("token_file = '{}'", token.path().display());
    let judge = |met: &Met| match met.head.to_ascii_lowercase().contains("authorization: token right") {
        true => None,
        false => refusal("401 Unauthorized", "who are you?"),
    };
    let site = start(judge, &settings);
    site.agent.emit("good:7|g", 1);
    eventually("the trouble to be told", PATIENCE, || {
        let (_, text) = site.weir.get("/readyz")?;
        text.contains("backend \"influx\" takes nothing, what is stored waits for it: 401 who are you?").then_some(())
    });
    assert_eq!(site.weir.reading("weir_backend_failing{backend=\"influx\"}"), Some(1.0));
    std::fs::write(token.path(), "right\n").unwrap();
    eventually("what waited to arrive", PATIENCE, || {
        let met = site.backend.met();
        let taken = met.iter().filter(|met| met.head.to_ascii_lowercase().contains("token right"));
        taken.map(lines).any(|text| text.contains("good,host=a value=7 ")).then_some(())
    });
    eventually("it to be ready", PATIENCE, || (site.weir.get("/readyz")?.1 == "ready\n").then_some(()));
}

#[test]
fn requests_are_of_one_tenant_each_where_a_header_or_the_address_says_so() {
    let site = start(|_| None, "tenant_header = 'X-Scope-OrgID'\ntenant_zero = 'nobody'\nheaders = { x-own = 'yes' }");
    site.agent.emit("good:7|g", 1);
    eventually("a sample of it", PATIENCE, || {
        let met = site.backend.met();
        let found = met.iter().find(|met| lines(met).contains("good,host=a value=7"))?;
        let head = found.head.to_ascii_lowercase();
        (head.contains("x-scope-orgid: nobody") && head.contains("x-own: yes") && head.contains("precision=ms"))
            .then_some(())
    });
}
