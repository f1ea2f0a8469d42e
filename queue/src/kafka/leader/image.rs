//! A file that is held in memory, and which of its pages the topic does not have yet.

use std::collections::BTreeSet;

/// As large as a page of the states' engine, so that what it writes is what goes out.
pub(super) const PAGE: u64 = 4_096;

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Image {
    bytes: Vec<u8>,
    dirty: BTreeSet<u64>,
}

impl Image {
    pub(super) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn set_length(&mut self, length: u64) {
        if length == self.length() {
            return;
        }
        // The length goes with a page. New ones are told though they are empty: the topic may have others of that number, from
        // when the file was as long before.
        self.dirty.extend(self.length() / PAGE..=length.saturating_sub(1) / PAGE);
        self.dirty.insert(0);
        self.resize(length);
    }

    fn resize(&mut self, length: u64) {
        self.bytes.resize(length as usize, 0);
    }

    /// Fills `out`; false past the end.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> bool {
        let found = (offset as usize).checked_add(out.len()).and_then(|end| self.bytes.get(offset as usize..end));
        found.map(|found| out.copy_from_slice(found)).is_some()
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let end = offset + data.len() as u64;
        if end > self.length() {
            self.set_length(end);
        }
        self.bytes[offset as usize..end as usize].copy_from_slice(data);
        self.dirty.extend(offset / PAGE..=(end - 1) / PAGE);
    }

    /// A page as the topic has it.
    pub(super) fn arrive(&mut self, number: u64, length: u64, data: &[u8]) {
        let start = number * PAGE;
        self.resize(length);
        let end = (start + data.len() as u64).min(length);
        if start < end {
            self.bytes[start as usize..end as usize].copy_from_slice(&data[..(end - start) as usize]);
        }
    }

    pub(super) fn page(&self, number: u64) -> &[u8] {
        let start = (number * PAGE).min(self.length());
        let end = (start + PAGE).min(self.length());
        &self.bytes[start as usize..end as usize]
    }

    pub(super) fn mark(&mut self, number: u64) {
        self.dirty.insert(number);
    }

    /// Pages to tell, in order; none of them is dirty any more.
    pub(super) fn take_dirty(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.dirty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a topic keeps: of each page the last.
    type Log = Vec<(u64, u64, Vec<u8>)>;

    fn tell(file: &mut Image, log: &mut Log) -> usize {
        let dirty = file.take_dirty();
        for number in &dirty {
            log.retain(|(known, _, _)| known != number);
            log.push((*number, file.length(), file.page(*number).to_vec()));
        }
        dirty.len()
    }

    fn read(log: &Log) -> Image {
        let mut copy = Image::default();
        log.iter().for_each(|(number, length, data)| copy.arrive(*number, *length, data));
        copy
    }

    #[test]
    fn what_a_compacted_topic_keeps_makes_the_same_file() {
        let (mut file, mut log) = (Image::default(), Log::new());
        file.set_length(10_000);
        file.write(4_090, &[7; 12]);
        assert_eq!(tell(&mut file, &mut log), 3);
        assert_eq!(read(&log), file);
        file.write(9_999, &[1, 2, 3]);
        assert_eq!(tell(&mut file, &mut log), 2, "the page, and the first for the length");
        assert_eq!(read(&log), file);
        file.set_length(30_000);
        file.write(20_480, &[9; 4_096]);
        tell(&mut file, &mut log);
        file.set_length(5_000);
        tell(&mut file, &mut log);
        assert_eq!(read(&log), file);
        file.set_length(30_000);
        tell(&mut file, &mut log);
        assert_eq!(read(&log), file, "what was cut does not come back");
        let mut out = [9; 1_000];
        assert!(read(&log).read(29_000, &mut out) && out == [0; 1_000] && !file.read(29_001, &mut out));
        assert_eq!(tell(&mut file, &mut log), 0);
    }
}
