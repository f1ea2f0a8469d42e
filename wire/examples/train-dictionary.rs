//! Trains the compression dictionary on typical host batches and writes it to the path given.
//!
//!     cargo run --release -p weir-wire --example train-dictionary -- wire/dictionary/1.zstd-dict
//!
//! A dictionary that has shipped must never change under its id: a new one gets the next id.

mod host_batch;

use host_batch::Fleet;
use weir_wire::Encoder;

const SIZE_BYTES: usize = 16 << 10;

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "wire/dictionary/1.zstd-dict".into());
    let (mut fleet, mut encoder) = (Fleet::new(1), Encoder::new());
    // Every kind of host many times: the trainer weighs by how often it meets something.
    let samples: Vec<Vec<u8>> =
        (0..2_000).flat_map(|host| encoder.plain_sections(&fleet.batch(host % 200, host / 200))).collect();
    let dictionary = zstd::dict::from_samples(&samples, SIZE_BYTES)?;
    std::fs::write(&path, &dictionary)?;
    println!("{path}: {} bytes from {} sections", dictionary.len(), samples.len());
    Ok(())
}
