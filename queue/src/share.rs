//! How a group of readers divides partitions.

/// A part of the partitions: `0/1` is all, `1/4` every fourth from the second on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Less than the other.
    pub index: u32,
    /// How many readers there are.
    pub of: u32,
}

impl Share {
    /// Whether a partition belongs to it.
    pub const fn has(self, partition: u32) -> bool {
        partition % self.of == self.index
    }

    /// As it is written: `1/4`.
    #[cfg(feature = "kafka")]
    pub(crate) fn text(self) -> String {
        format!("{}/{}", self.index, self.of)
    }

    /// Whether it is all there is.
    pub const fn is_whole(self) -> bool {
        self.of == 1
    }
}

impl Default for Share {
    fn default() -> Self {
        Self { index: 0, of: 1 }
    }
}

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (index, of) = text.split_once('/').unzip();
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
        let share = number(index).zip(number(of)).filter(|(index, of)| index < of);
        let (index, of) =
            share.ok_or_else(|| format!("{text:?} is no share: write 0/1 for all, 1/4 for the second of four"))?;
        Ok(Self { index, of })
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_have_every_partition_once() {
        assert_eq!("1/4".parse(), Ok(Share { index: 1, of: 4 }));
        for wrong in ["", "1", "4/4", "0/0", "-1/4", "1/4/2"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
        let owners = |partition| (0..4).filter(move |index| Share { index: *index, of: 4 }.has(partition)).count();
        assert!((0..9).all(|partition| owners(partition) == 1));
    }
}
