//! Remote write as a sender makes it: protobuf in snappy, by hand and without compression.

/// One series and its samples: labels with `__name__` among them, milliseconds and values.
#[derive(Clone, Debug)]
pub struct Written {
    /// Sorted by name.
    pub labels: Vec<(String, String)>,
    /// In order of time.
    pub samples: Vec<(i64, f64)>,
    /// Native histograms, as [`Native::message`] makes them.
    pub histograms: Vec<Vec<u8>>,
}

/// A native histogram of whole counts; buckets of each sign lie side by side.
#[derive(Clone, Debug, Default)]
pub struct Native {
    /// Schema, from -4 to 8, or -53 for bounds of its own.
    pub schema: i64,
    /// Sum of what was observed.
    pub sum: f64,
    /// How far from zero counts as zero.
    pub zero_threshold: f64,
    /// How many are in there.
    pub zero: u64,
    /// Index of the first bucket, and counts.
    pub positive: (i64, Vec<u64>),
    /// The same below zero.
    pub negative: (i64, Vec<u64>),
    /// Upper ends of buckets, where there is no schema for them.
    pub bounds: Vec<f64>,
}

impl Native {
    /// All that were observed.
    pub fn count(&self) -> u64 {
        self.zero + self.positive.1.iter().sum::<u64>() + self.negative.1.iter().sum::<u64>()
    }

    /// A family of one metric without labels, as endpoints answer in protobuf: behind its length.
    pub fn family(&self, name: &str) -> Vec<u8> {
        const HISTOGRAM: u64 = 4;
        let mut histogram = Vec::new();
        number(&mut histogram, 1, self.count());
        double(&mut histogram, 2, self.sum);
        number(&mut histogram, 5, zigzag(self.schema));
        double(&mut histogram, 6, self.zero_threshold);
        number(&mut histogram, 7, self.zero);
        side(&mut histogram, (9, 10), &self.negative);
        side(&mut histogram, (12, 13), &self.positive);
        let (mut metric, mut family, mut out) = (Vec::new(), Vec::new(), Vec::new());
        field(&mut metric, 7, &histogram);
        field(&mut family, 1, name.as_bytes());
        number(&mut family, 3, HISTOGRAM);
        field(&mut family, 4, &metric);
        varint(&mut out, family.len() as u64);
        out.extend(family);
        out
    }

    /// The message of remote write 1.0, at a time in milliseconds.
    pub fn message(&self, time: i64) -> Vec<u8> {
        let mut out = Vec::new();
        number(&mut out, 1, self.count());
        double(&mut out, 3, self.sum);
        number(&mut out, 4, zigzag(self.schema));
        double(&mut out, 5, self.zero_threshold);
        number(&mut out, 6, self.zero);
        side(&mut out, (8, 9), &self.negative);
        side(&mut out, (11, 12), &self.positive);
        number(&mut out, 15, time as u64);
        let bounds: Vec<u8> = self.bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect();
        if !bounds.is_empty() {
            varint(&mut out, 16 << 3 | 2);
            varint(&mut out, bounds.len() as u64);
            out.extend(bounds);
        }
        out
    }
}

/// Spans and the differences between neighbours.
fn side(out: &mut Vec<u8>, (spans, deltas): (u8, u8), (first, counts): &(i64, Vec<u64>)) {
    if counts.is_empty() {
        return;
    }
    let mut span = Vec::new();
    number(&mut span, 1, zigzag(*first));
    number(&mut span, 2, counts.len() as u64);
    field(out, spans, &span);
    let (mut packed, mut before) = (Vec::new(), 0);
    for count in counts {
        varint(&mut packed, zigzag(*count as i64 - before));
        before = *count as i64;
    }
    field(out, deltas, &packed);
}

impl Written {
    /// A series without samples.
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let mut all: Vec<_> = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        all.push(("__name__".into(), name.into()));
        all.sort();
        Self { labels: all, samples: Vec::new(), histograms: Vec::new() }
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
            let mut sample = Vec::new();
            double(&mut sample, 1, *value);
            number(&mut sample, 2, *time as u64);
            field(&mut message, 2, &sample);
        }
        for histogram in &one.histograms {
            field(&mut message, 4, histogram);
        }
        field(&mut request, 1, &message);
    }
    snappy(&request)
}

/// POSTs it; the status of the answer and its text.
pub fn write(address: std::net::SocketAddr, series: &[Written]) -> (u16, String) {
    post(address, &body(series))
}

/// Posts a request as it stands in protobuf: status and body.
pub fn send(address: std::net::SocketAddr, request: &[u8]) -> (u16, String) {
    post(address, &snappy(request))
}

fn post(address: std::net::SocketAddr, packed: &[u8]) -> (u16, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let request = ureq::Agent::from(config)
        .post(format!("http://{address}/api/v1/write"))
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0");
    let mut response = request.send(packed).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap_or_default())
}

fn number(out: &mut Vec<u8>, place: u8, value: u64) {
    out.push(place << 3);
    varint(out, value);
}

fn double(out: &mut Vec<u8>, place: u8, value: f64) {
    out.push(place << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
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
