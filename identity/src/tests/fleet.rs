//! Fleet keys: made once, guarded, rotated without a session lost.

use std::time::Duration;

use weir_wire::FleetKeyLine;

use super::*;
use crate::{FleetKeyFile, FleetKeys, OldKeys, SETTLE, signing};

const HOUR: Duration = Duration::from_secs(3_600);

fn ids(keys: &[FleetKeyLine]) -> Vec<u16> {
    keys.iter().map(|line| line.key.id).collect()
}

fn created() -> (Desk, FleetKeyFile) {
    let desk = Desk::new();
    let file = FleetKeyFile::open_or_create(desk.path("data/fleet.keys"), NOW).unwrap();
    (desk, file)
}

fn signs(file: &FleetKeyFile, now: Timestamp) -> u16 {
    signing(&file.list().unwrap(), now).unwrap().key.id
}

#[test]
fn the_first_start_makes_a_key_and_the_second_keeps_it() {
    let (_desk, file) = created();
    let mode = fs::metadata(file.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let secret = file.list().unwrap()[0].key.secret;
    assert_ne!(secret, [0; 32]);
    let again = FleetKeyFile::open_or_create(file.path(), NOW).unwrap();
    assert_eq!(again.list().unwrap()[0].key.secret, secret);
    assert!(FleetKeyFile::create(file.path(), NOW).is_err());
}

#[test]
fn gateways_that_start_together_agree_on_one_key() {
    let desk = Desk::new();
    let path = desk.path("fleet.keys");
    let start = || FleetKeyFile::open_or_create(&path, NOW).unwrap().list().unwrap()[0].key.secret;
    let secrets = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_file_open_to_others_is_refused() {
    let (_desk, file) = created();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
    for refused in [FleetKeyFile::open(file.path()), FleetKeyFile::open_or_create(file.path(), NOW)] {
        assert!(refused.unwrap_err().to_string().contains("chmod 600"));
    }
}

#[test]
fn a_new_key_signs_once_every_gateway_can_have_read_it() {
    let (_desk, file) = created();
    assert_eq!(signs(&file, NOW), 1, "the only key need not settle");
    let later = NOW.plus(HOUR);
    assert_eq!(file.rotate(later, OldKeys::Outlive(HOUR)).unwrap().added, 2);
    assert_eq!(signs(&file, later), 1);
    assert_eq!(signs(&file, later.plus(SETTLE).minus(Duration::from_millis(1))), 1);
    assert_eq!(signs(&file, later.plus(SETTLE)), 2);
}

#[test]
fn old_keys_outlive_their_last_session() {
    let (_desk, file) = created();
    let first = NOW.plus(HOUR);
    file.rotate(first, OldKeys::Outlive(HOUR)).unwrap();
    // The last session that key 1 could sign began as key 2 settled, and lives an hour.
    let last_session_ends = first.plus(SETTLE).plus(HOUR);
    let rotated = file.rotate(last_session_ends, OldKeys::Outlive(HOUR)).unwrap();
    assert_eq!((rotated.added, rotated.removed), (3, vec![]));
    let long_after = last_session_ends.plus(HOUR);
    assert_eq!(file.rotate(long_after, OldKeys::Outlive(HOUR)).unwrap().removed, [1]);
    assert_eq!(ids(&file.list().unwrap()), [2, 3, 4]);
}

#[test]
fn a_leaked_key_goes_at_once() {
    let (_desk, file) = created();
    file.rotate(NOW, OldKeys::Outlive(HOUR)).unwrap();
    assert_eq!(file.rotate(NOW, OldKeys::Revoke).unwrap().removed, [1, 2]);
    assert_eq!((ids(&file.list().unwrap()), signs(&file, NOW)), (vec![3], 3));
}

#[test]
fn rotations_at_the_same_time_all_count() {
    let (_desk, file) = created();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| file.rotate(NOW, OldKeys::Outlive(HOUR)).unwrap());
        }
    });
    let mut found = ids(&file.list().unwrap());
    found.sort();
    assert_eq!(found, [1, 2, 3, 4, 5]);
}

#[test]
fn ids_go_around_without_meeting_a_living_one() {
    let desk = Desk::new();
    let secret = "0f".repeat(32);
    let text = format!("key 1 10 retiring {secret}\nkey 65535 20 active {secret}\n");
    let file = FleetKeyFile::open(desk.write("fleet.keys", &text, 0o600)).unwrap();
    assert_eq!(file.rotate(Timestamp::from_secs(30), OldKeys::Outlive(HOUR)).unwrap().added, 2);
}

#[test]
fn a_rotated_file_comes_into_force_and_a_bad_one_does_not() {
    let (_desk, file) = created();
    let keys = FleetKeys::watch(file.clone()).unwrap();
    let generation = keys.generation();
    assert!(keys.key(1).is_some() && keys.key(2).is_none());
    assert!(!keys.reload_if_changed().unwrap());

    file.rotate(NOW, OldKeys::Outlive(HOUR)).unwrap();
    assert!(keys.reload_if_changed().unwrap());
    assert!(keys.key(1).is_some() && keys.key(2).is_some());
    assert_ne!(keys.generation(), generation);

    fs::write(file.path(), "key 2 1 active 00\n").unwrap();
    assert!(keys.reload_if_changed().unwrap_err().to_string().contains("line 1: the secret is 64 hex digits"));
    assert!(keys.key(1).is_some() && keys.key(2).is_some());
    remove(file.path());
    assert!(keys.reload_if_changed().is_err() && keys.reload().is_err());
    assert_eq!(keys.signing(NOW.plus(SETTLE)).unwrap().id, 2);
}
