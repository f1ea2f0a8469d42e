//! The notifier's file fails while it runs: what was put in force, told and asked for before goes on.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use weir_alert::event::{Event, Status};
use weir_alert::routing::Config;
use weir_alert::states::put_aside;
use weir_alert::template::Templates;
use weir_files::fault::{Disk, Fault};
use weir_notify::{Handle, Health, Runner, Settings};
use weir_sample::Timestamp;

const PATIENCE: Duration = Duration::from_secs(20);

fn routes(receiver: &str) -> Config {
    let text = format!("route: {{receiver: {receiver}, group_wait: 1h}}\nreceivers: [{{name: {receiver}}}]");
    Config::read("am.yml", &text).unwrap()
}

fn firing() -> Event {
    Event {
        tenant: 0,
        labels: [("alertname".to_owned(), "Down".to_owned())].into(),
        annotations: Default::default(),
        status: Status::Firing,
        starts_at_ms: 0,
        ends_at_ms: i64::MAX,
        evaluated_at_ms: 0,
        value: None,
        active_at_ms: 0,
        late: false,
        generator_url: String::new(),
        seq: 0,
        source: "rules.yml;g".into(),
    }
}

/// Waits until the notifier works, or does not.
async fn until(health: &Health, works: bool) {
    let seen = async {
        while health.fault().is_none() != works {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("the notifier's health changes");
}

/// Breaks the disk under the notifier, so that it has to open its file anew.
async fn break_off(disk: &Disk, handle: &Handle, health: &Health) {
    disk.fail_after(0, Fault::Broken);
    handle.tell(vec![firing()], None).await.expect_err("the disk is broken");
    until(health, false).await;
}

async fn told(handle: &Handle) -> Vec<String> {
    let views = handle.ask(|notifier, now| notifier.alerts(0, &[], now)).await.unwrap();
    views.into_iter().flat_map(|view| view.receivers).collect()
}

#[tokio::test]
async fn routes_outlive_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::under(folder.path());
    let settings = Settings::new(folder.path().join("state"), "http://weir");
    let (runner, handle, health) = Runner::new(settings, routes("first"), Templates::default(), || Timestamp(1));
    let running = tokio::spawn(runner.run());
    handle.tell(vec![firing()], None).await.unwrap();
    assert_eq!(told(&handle).await, ["first"]);
    let change =
        |notifier: &mut weir_notify::Notifier, now| notifier.configure(routes("second"), Templates::default(), now);
    handle.ask(change).await.unwrap().unwrap();
    assert_eq!(told(&handle).await, ["second"]);

    break_off(&disk, &handle, &health).await;
    disk.heal();
    until(&health, true).await;
    assert_eq!(told(&handle).await, ["second"], "as was last put in force");

    break_off(&disk, &handle, &health).await;
    handle.configure(routes("third"), Templates::default()).await.unwrap();
    disk.heal();
    until(&health, true).await;
    assert_eq!(told(&handle).await, ["third"], "put in force while there was no file");
    drop(handle);
    running.await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state"), vec![7; 100_000]).unwrap();
    let settings = Settings::new(folder.path().join("state"), "http://weir");
    let (runner, handle, health) = Runner::new(settings, routes("first"), Templates::default(), || Timestamp(1));
    let running = tokio::spawn(runner.run());
    handle.tell(vec![firing()], None).await.unwrap();
    assert_eq!((told(&handle).await, health.fault()), (vec!["first".to_owned()], None));
    assert!(folder.path().join("state.damaged").exists());
    drop(handle);
    running.await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let start =
        || Runner::new(Settings::new(&state, "http://weir"), routes("first"), Templates::default(), || Timestamp(1));
    let (runner, handle, _) = start();
    let running = tokio::spawn(runner.run());
    handle.tell(vec![firing()], None).await.unwrap();
    drop(handle);
    running.await.unwrap();
    let sound = std::fs::read(&state).unwrap();
    for length in [100, 4_096, sound.len() / 2] {
        std::fs::write(&state, &sound[..length]).unwrap();
        let (runner, handle, health) = start();
        let running = tokio::spawn(runner.run());
        assert!(handle.tell(vec![firing()], None).await.is_ok(), "{length}: {:?}", health.fault());
        assert_eq!(put_aside(&state.clone().into()).value, 1.0, "{length}");
        std::fs::remove_file(folder.path().join("state.damaged")).unwrap();
        assert_eq!(put_aside(&state.clone().into()).value, 0.0);
        drop(handle);
        running.await.unwrap();
    }
}
