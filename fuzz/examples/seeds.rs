//! Writes each target's seeds to `corpus/TARGET/`, where cargo-fuzz starts from.

use std::path::Path;

use weir_fuzz::{batch, datagram, families, frame, histogram, promql, protocols, segment, statsd, text};

fn main() -> std::io::Result<()> {
    let targets = [
        ("batch", batch::seeds()),
        ("datagram", datagram::seeds()),
        ("frame", frame::seeds()),
        ("families", families::seeds()),
        ("histogram", histogram::seeds()),
        ("promql", promql::seeds()),
        ("protocols", protocols::seeds()),
        ("segment", segment::seeds()),
        ("statsd", statsd::seeds()),
        ("text", text::seeds()),
    ];
    for (name, seeds) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
        println!("{}: {} seeds", folder.display(), seeds.len());
    }
    Ok(())
}
