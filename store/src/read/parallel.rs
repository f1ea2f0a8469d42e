//! Reading many series with several threads. Whoever asked gets them in order, a few batches behind the readers.

use std::ops::{ControlFlow, Range};
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::read::reader::{Found, Reader};
use crate::{Error, Selection, SeriesData};

/// Fewer series than this are read sooner than threads have started.
const WORTHWHILE: usize = 2_048;
/// A query leaves the other cores of a large machine to other queries.
const MOST_READERS: usize = 4;
/// Series in a batch, at most; enough that two readers seldom decode the same page.
const BATCH: usize = 512;
/// Bytes that a batch may take, of samples every ten seconds: bounds what waits for a slow asker.
const BATCH_BYTES: i64 = 4 << 20;

/// Threads that should read so many series.
pub(crate) fn readers(series: usize) -> usize {
    if series < WORTHWHILE {
        return 1;
    }
    thread::available_parallelism().map_or(1, usize::from).min(MOST_READERS)
}

/// Gives every series to `each`, in the order in which they stand, until it breaks off.
pub(crate) fn select(
    reader: &mut Reader<'_>,
    readers: usize,
    (all, stretches): (&[Found], &[Range<usize>]),
    selection: &Selection<'_>,
    each: &mut dyn FnMut(SeriesData) -> ControlFlow<()>,
) -> Result<(), Error> {
    let size = size_of_batch(selection);
    let batches = &Vec::from_iter(stretches.iter().flat_map(|stretch| batches(all, stretch, size)));
    thread::scope(|scope| {
        let receivers = Vec::from_iter((0..readers).map(|first| {
            let (sender, receiver) = sync_channel(1);
            let mut reader = reader.another();
            scope.spawn(move || {
                for (stretch, batch) in batches.iter().skip(first).step_by(readers) {
                    reader.begin(stretch);
                    let read = reader.batch(&all[batch.clone()], selection);
                    let failed = read.is_err();
                    // Nobody receives when the asker broke off.
                    if sender.send((read, reader.take_holes())).is_err() || failed {
                        return;
                    }
                }
            });
            receiver
        }));
        for at in 0..batches.len() {
            // A reader only stops early when it panicked, which the scope passes on.
            let Ok((read, holes)) = receivers[at % readers].recv() else { break };
            reader.add_holes(holes);
            for data in read? {
                if each(data).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    })
}

fn size_of_batch(selection: &Selection<'_>) -> usize {
    let samples = (selection.end.millis().saturating_sub(selection.start.millis()) / 10_000).max(1);
    (BATCH_BYTES / (16 * samples)).clamp(8, BATCH as i64) as usize
}

/// Parts of a stretch of about so many finds, that do not part a series.
fn batches(all: &[Found], stretch: &Range<usize>, size: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let mut batches = Vec::with_capacity(stretch.len() / size + 1);
    let mut start = stretch.start;
    while start < stretch.end {
        let mut end = (start + size).min(stretch.end);
        while end < stretch.end && all[end].id == all[end - 1].id {
            end += 1;
        }
        batches.push((stretch.clone(), start..end));
        start = end;
    }
    batches
}
