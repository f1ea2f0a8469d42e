//! Segments on a real disk.

use weir_wire::Epoch;

use super::*;

fn entry(seq: u64) -> Entry {
    Entry { epoch: Epoch(7), seq, payload: vec![seq as u8; 1_000], samples: 10 }
}

fn filled(folder: &Path, max_bytes: u64, count: u64) -> Spool {
    let mut spool = Spool::open(folder, max_bytes).unwrap();
    (0..count).for_each(|seq| spool.append(&entry(seq)).unwrap());
    spool
}

fn seqs(spool: &mut Spool) -> Vec<u64> {
    std::iter::from_fn(|| spool.read_next()).map(|entry| entry.seq).collect()
}

#[test]
fn a_full_disk_costs_what_it_did_not_take_and_does_not_fill_with_names() {
    let folder = tempfile::tempdir().unwrap();
    let disk = weir_files::fault::Disk::under(folder.path());
    let mut spool = filled(folder.path(), 1 << 30, 2);
    disk.fail_after(0, weir_files::fault::Fault::NoSpace);
    (2..20).for_each(|seq| assert!(spool.append(&entry(seq)).is_err()));
    disk.heal();
    assert!(std::fs::read_dir(folder.path()).unwrap().count() <= 2, "{:?}", weir_files::names(folder.path()));
    spool.append(&entry(20)).unwrap();
    assert_eq!(spool.unread(), 3);
    assert_eq!(seqs(&mut spool), [0, 1, 20]);
}

#[test]
fn what_was_not_acked_is_there_after_a_restart_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = filled(folder.path(), 1 << 30, 300);
    assert!(spool.segments.len() > 2);
    (0..200).for_each(|seq| spool.acked(&entry(seq)));
    drop(spool);
    let mut spool = Spool::open(folder.path(), 1 << 30).unwrap();
    let left = seqs(&mut spool);
    assert_eq!(*left.last().unwrap(), 299);
    // Segments go as a whole: of the one that holds the last ack, all is sent again.
    let first = left[0];
    assert!(first <= 200 && 200 - first < SEGMENT_BYTES / 1_000 + 1, "{first}");
    assert_eq!(left, (first..300).collect::<Vec<_>>());
    assert_eq!(spool.unread(), 0);
    left.into_iter().for_each(|seq| spool.acked(&entry(seq)));
    assert_eq!(spool.bytes(), 0);
    assert_eq!(numbers(folder.path()).unwrap(), Vec::<u64>::new());
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_says_what() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = filled(folder.path(), 300_000, 400);
    assert_eq!(spool.read_next().map(|entry| entry.seq), Some(0));
    let mut lost = 0;
    while let Some(Lost { last, batches, samples }) = spool.shed() {
        lost += batches;
        assert_eq!((last.1, samples), (lost - 1, batches * 10));
    }
    assert!(spool.bytes() <= 300_000 && lost > 0);
    assert_eq!(seqs(&mut spool), (lost..400).collect::<Vec<_>>());
}

#[test]
fn a_torn_record_ends_its_segment_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1 << 30, 300));
    let first = folder.path().join("000000000000.spool");
    let length = first.metadata().unwrap().len();
    File::options().write(true).open(&first).unwrap().set_len(length - 1).unwrap();
    let mut spool = Spool::open(folder.path(), 1 << 30).unwrap();
    let missing = length / encode(&entry(0), &[]).len() as u64 - 1;
    assert_eq!(spool.damaged(), 1);
    assert_eq!(seqs(&mut spool), (0..300).filter(|seq| *seq != missing).collect::<Vec<_>>());
}

#[test]
fn what_was_acked_or_read_is_not_lost_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = filled(folder.path(), 1, 300);
    let (first, second) = (spool.segments[0].batches, spool.segments[1].batches);
    (0..3).for_each(|seq| spool.acked(&entry(seq)));
    // Of another run, or from behind the newest: nothing here.
    spool.acked(&Entry { epoch: Epoch(6), ..entry(3) });
    spool.acked(&Entry { epoch: Epoch(8), ..entry(3) });
    (0..5).for_each(|_| drop(spool.read_next()));
    let lost = |last, batches| Lost { last: (Epoch(7), last), batches, samples: 10 * batches };
    assert_eq!(spool.shed(), Some(lost(first - 1, first - 3)));
    assert_eq!(spool.unread(), 300 - first);
    // All of the second is in memory when it goes: as much is unread as before.
    (0..second).for_each(|_| drop(spool.read_next()));
    assert_eq!(spool.shed(), Some(lost(first + second - 1, second)));
    assert_eq!(spool.unread(), 300 - first - second);
    assert_eq!(seqs(&mut spool), (first + second..300).collect::<Vec<_>>());
    // The newest segment stays, however small the spool is to be.
    while spool.shed().is_some() {}
    assert_eq!(spool.segments.len(), 1);
}

#[test]
fn a_spool_that_is_just_full_gives_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = filled(folder.path(), 1 << 30, 300);
    spool.max_bytes = spool.bytes();
    assert_eq!(spool.shed(), None);
    spool.max_bytes -= 1;
    assert!(spool.shed().is_some());
}

#[test]
fn a_batch_after_a_restart_goes_behind_what_was_left() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1 << 30, 3));
    let mut spool = Spool::open(folder.path(), 1 << 30).unwrap();
    (3..5).for_each(|seq| spool.append(&entry(seq)).unwrap());
    assert_eq!(spool.unread(), 5);
    assert_eq!(seqs(&mut spool), [0, 1, 2, 3, 4]);
    drop(spool);
    assert_eq!(seqs(&mut Spool::open(folder.path(), 1 << 30).unwrap()), [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_in_memory_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = filled(folder.path(), 1 << 30, 3);
    spool.skip_newest();
    assert_eq!(spool.read_next(), None);
    spool.append(&entry(3)).unwrap();
    assert_eq!(spool.read_next().map(|entry| entry.seq), Some(3));
}
