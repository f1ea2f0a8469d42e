//! Remote write as a sender makes it: protobuf in snappy, by hand and without compression.

/// One series and its samples: labels with `__name__` among them, milliseconds and values.
#[derive(Clone, Debug)]
pub struct Written {
    /// Sorted by name.
    pub labels: Vec<(String, String)>,
    /// In order of time.
    pub samples: Vec<(i64, f64)>,
}

impl Written {
    /// A series without samples.
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let mut all: Vec<_> = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        all.push(("__name__".into(), name.into()));
        all.sort();
        Self { labels: all, samples: Vec::new() }
    }
}

/// The body of a request.
pub fn body(series: &[Written]) -> Vec<u8> {
    let mut request = Vec::new();
    for one in series {
        let mut message = Vec::new();
        for (name, value) in &one.labels {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut message, 1, &label);
        }
        for (time, value) in &one.samples {
            let mut sample = vec![1 << 3 | 1];
            sample.extend(value.to_bits().to_le_bytes());
            sample.push(2 << 3);
            varint(&mut sample, *time as u64);
            field(&mut message, 2, &sample);
        }
        field(&mut request, 1, &message);
    }
    snappy(&request)
}

/// POSTs it; the status of the answer and its text.
pub fn write(address: std::net::SocketAddr, series: &[Written]) -> (u16, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let request = ureq::Agent::from(config)
        .post(format!("http://{address}/api/v1/write"))
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0");
    let mut response = request.send(body(series)).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap_or_default())
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Literals of up to 64 KiB.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, bytes.len() as u64);
    for chunk in bytes.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend(((chunk.len() - 1) as u16).to_le_bytes());
        out.extend(chunk);
    }
    out
}
