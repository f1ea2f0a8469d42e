use std::fs;
use std::io::{ErrorKind, Write};

use super::*;
use crate::*;

fn at(disk: &tempfile::TempDir, name: &str) -> PathBuf {
    disk.path().join(name)
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names = names(folder).unwrap();
    names.sort();
    names
}

#[test]
fn a_crash_takes_back_what_was_not_synced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(at(&folder, "old"), b"old").unwrap();
    let disk = Disk::under(folder.path());
    let mut named = create(&at(&folder, "named")).unwrap();
    append(&mut named, &at(&folder, "named"), b"safe").unwrap();
    sync(&named, &at(&folder, "named")).unwrap();
    sync_folder(folder.path()).unwrap();
    append(&mut named, &at(&folder, "named"), b" lost").unwrap();
    let mut nameless = create(&at(&folder, "nameless")).unwrap();
    append(&mut nameless, &at(&folder, "nameless"), b"x").unwrap();
    sync(&nameless, &at(&folder, "nameless")).unwrap();
    remove(&at(&folder, "old")).unwrap();
    disk.crash();
    assert_eq!(names_in(folder.path()), ["named", "old"]);
    assert_eq!(fs::read(at(&folder, "named")).unwrap(), b"safe");
    assert_eq!(fs::read(at(&folder, "old")).unwrap(), b"old");
    remove(&at(&folder, "old")).unwrap();
    sync_folder(folder.path()).unwrap();
    disk.crash();
    assert_eq!(names_in(folder.path()), ["named"]);
}

#[test]
fn bytes_written_over_synced_ones_are_taken_back_and_a_part_of_appended_ones_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (over, appended) = (at(&folder, "over"), at(&folder, "appended"));
    fs::write(&over, b"0123").unwrap();
    fs::write(&appended, b"0123").unwrap();
    let disk = Disk::under(folder.path());
    write_at(&open_or_create(&over).unwrap(), &over, b"x", 1).unwrap();
    write_at(&open_or_create(&appended).unwrap(), &appended, b"abcd", 4).unwrap();
    disk.crash_keeping(0.5);
    assert_eq!((fs::read(&over).unwrap(), fs::read(&appended).unwrap()), (b"0123".to_vec(), b"0123ab".to_vec()));
    cut(&open_or_create(&appended).unwrap(), &appended, 3).unwrap();
    disk.crash();
    assert_eq!(fs::read(&appended).unwrap(), b"012");
}

#[test]
fn whole_files_are_the_old_or_the_new_one_wherever_the_disk_fails() {
    type WriteOne = fn(&Path) -> Result<(), Error>;
    let ways: [(WriteOne, bool); 3] = [
        (|path| write_whole(path, |file| file.write_all(b"new")), true),
        (|path| replace(path, b"new", 0o600), true),
        (|path| create_whole(path, b"new", 0o600), false),
    ];
    for (write, was_there) in ways {
        for operations in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let path = at(&folder, "file");
            let old = was_there.then(|| b"old".to_vec());
            if let Some(old) = &old {
                fs::write(&path, old).unwrap();
            }
            let disk = Disk::under(folder.path());
            disk.fail_after(operations, Fault::NoSpace);
            let outcome = write(&path);
            disk.crash();
            let after = read_if_there(&path).unwrap();
            match outcome {
                Ok(()) => {
                    assert_eq!(after, Some(b"new".to_vec()), "what was said to be written is there");
                    break;
                }
                Err(error) => {
                    assert_eq!(error.source.kind(), ErrorKind::StorageFull);
                    assert_eq!(after, old, "after {operations} operations");
                }
            }
        }
    }
}

#[test]
fn folders_that_were_not_synced_are_gone_with_all_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::under(folder.path());
    create_folder(&at(&folder, "a/b")).unwrap();
    fs::create_dir(at(&folder, "c")).unwrap();
    for inside in ["a/b", "c"] {
        write_whole(&at(&folder, inside).join("file"), |file| file.write_all(b"x")).unwrap();
    }
    disk.crash();
    assert_eq!(names_in(folder.path()), ["a"]);
    assert_eq!(fs::read(at(&folder, "a/b/file")).unwrap(), b"x");
    remove_folder(&at(&folder, "a/b")).unwrap();
    disk.crash();
    assert!(at(&folder, "a/b/file").exists());
    remove_folder(&at(&folder, "a/b")).unwrap();
    sync_folder(&at(&folder, "a")).unwrap();
    disk.crash();
    assert_eq!(names_in(&at(&folder, "a")), [""; 0]);
}

#[test]
fn a_failed_write_is_torn_and_a_failed_sync_is_not_made_good_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::under(folder.path());
    let path = at(&folder, "file");
    let mut file = create(&path).unwrap();
    sync_folder(folder.path()).unwrap();
    disk.fail_after(0, Fault::Broken);
    let error = append(&mut file, &path, b"torn").unwrap_err();
    assert_eq!(error.source.raw_os_error(), Some(5));
    assert_eq!(fs::read(&path).unwrap(), b"to");
    sync(&file, &path).unwrap_err();
    disk.heal();
    sync(&file, &path).unwrap();
    disk.crash();
    assert_eq!(fs::read(&path).unwrap(), b"");
    append(&mut create(&path).unwrap(), &path, b"new").unwrap();
    sync(&open_or_create(&path).unwrap(), &path).unwrap();
    disk.crash();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn a_disk_stands_under_its_own_folder_only() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Disk::under(one.path());
    disk.fail_after(0, Fault::NoSpace);
    create(&at(&one, "file")).unwrap_err();
    create(&at(&other, "file")).unwrap();
    assert_eq!(disk.operations(), 1);
    drop(disk);
    create(&at(&one, "file")).unwrap();
}

#[test]
fn a_disk_that_hangs_goes_on_when_it_is_healed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::under(folder.path());
    let (path, before) = (at(&folder, "file"), disk.operations());
    disk.fail_after(1, Fault::Hang);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_whole(&path, |file| file.write_all(b"x")));
        while disk.operations() == before {
            std::thread::yield_now();
        }
        assert!(!writer.is_finished() && !path.exists());
        disk.heal();
        writer.join().unwrap().unwrap();
    });
    assert_eq!(fs::read(&path).unwrap(), b"x");
}
