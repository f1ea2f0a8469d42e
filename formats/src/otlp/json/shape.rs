//! The messages of OTLP as JSON names them: only what is read of them. Another member is passed over, as the protocol wants.

/// A message.
pub(super) struct Shape(pub(super) &'static [Member]);

/// A member of a message.
pub(super) struct Member {
    pub(super) name: &'static str,
    /// Its number in protobuf.
    pub(super) number: u8,
    pub(super) kind: Type,
    pub(super) is_repeated: bool,
    /// Whether only one of those that say so may be there.
    pub(super) is_choice: bool,
}

/// What a member has.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Text,
    Base64,
    Bool,
    Double,
    /// Eight bytes, with a sign or without.
    Fixed,
    Varint,
    Zigzag,
    /// A number, or one of these names, whose numbers are their places.
    Enum(&'static [&'static str]),
    Message(&'static Shape),
}

const fn one(name: &'static str, number: u8, kind: Type) -> Member {
    Member { name, number, kind, is_repeated: false, is_choice: false }
}

const fn many(name: &'static str, number: u8, kind: Type) -> Member {
    Member { is_repeated: true, ..one(name, number, kind) }
}

const fn choice(name: &'static str, number: u8, kind: Type) -> Member {
    Member { is_choice: true, ..one(name, number, kind) }
}

pub(super) static REQUEST: Shape = Shape(&[many("resourceMetrics", 1, Type::Message(&RESOURCE_METRICS))]);

static RESOURCE_METRICS: Shape =
    Shape(&[one("resource", 1, Type::Message(&RESOURCE)), many("scopeMetrics", 2, Type::Message(&SCOPE_METRICS))]);

static RESOURCE: Shape = Shape(&[many("attributes", 1, Type::Message(&KEY_VALUE))]);

static SCOPE_METRICS: Shape =
    Shape(&[one("scope", 1, Type::Message(&SCOPE)), many("metrics", 2, Type::Message(&METRIC))]);

static SCOPE: Shape = Shape(&[one("name", 1, Type::Text), one("version", 2, Type::Text)]);

static METRIC: Shape = Shape(&[
    one("name", 1, Type::Text),
    one("description", 2, Type::Text),
    one("unit", 3, Type::Text),
    choice("gauge", 5, Type::Message(&GAUGE)),
    choice("sum", 7, Type::Message(&SUM)),
    choice("histogram", 9, Type::Message(&HISTOGRAM)),
    choice("exponentialHistogram", 10, Type::Message(&EXPONENTIAL)),
    choice("summary", 11, Type::Message(&SUMMARY)),
]);

const TEMPORALITY: Type = Type::Enum(&[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
]);

static GAUGE: Shape = Shape(&[many("dataPoints", 1, Type::Message(&NUMBER_POINT))]);

static SUM: Shape = Shape(&[
    many("dataPoints", 1, Type::Message(&NUMBER_POINT)),
    one("aggregationTemporality", 2, TEMPORALITY),
    one("isMonotonic", 3, Type::Bool),
]);

static HISTOGRAM: Shape =
    Shape(&[many("dataPoints", 1, Type::Message(&HISTOGRAM_POINT)), one("aggregationTemporality", 2, TEMPORALITY)]);

static EXPONENTIAL: Shape =
    Shape(&[many("dataPoints", 1, Type::Message(&EXPONENTIAL_POINT)), one("aggregationTemporality", 2, TEMPORALITY)]);

static SUMMARY: Shape = Shape(&[many("dataPoints", 1, Type::Message(&SUMMARY_POINT))]);

/// Ids are hexadecimal digits here, in place of their bytes: whoever reads them knows both.
static EXEMPLAR: Shape = Shape(&[
    one("timeUnixNano", 2, Type::Fixed),
    choice("asDouble", 3, Type::Double),
    one("spanId", 4, Type::Text),
    one("traceId", 5, Type::Text),
    choice("asInt", 6, Type::Fixed),
    many("filteredAttributes", 7, Type::Message(&KEY_VALUE)),
]);

static NUMBER_POINT: Shape = Shape(&[
    one("startTimeUnixNano", 2, Type::Fixed),
    one("timeUnixNano", 3, Type::Fixed),
    choice("asDouble", 4, Type::Double),
    many("exemplars", 5, Type::Message(&EXEMPLAR)),
    choice("asInt", 6, Type::Fixed),
    many("attributes", 7, Type::Message(&KEY_VALUE)),
    one("flags", 8, Type::Varint),
]);

static HISTOGRAM_POINT: Shape = Shape(&[
    one("startTimeUnixNano", 2, Type::Fixed),
    one("timeUnixNano", 3, Type::Fixed),
    one("count", 4, Type::Fixed),
    one("sum", 5, Type::Double),
    many("bucketCounts", 6, Type::Fixed),
    many("explicitBounds", 7, Type::Double),
    many("exemplars", 8, Type::Message(&EXEMPLAR)),
    many("attributes", 9, Type::Message(&KEY_VALUE)),
    one("flags", 10, Type::Varint),
]);

static EXPONENTIAL_POINT: Shape = Shape(&[
    many("attributes", 1, Type::Message(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Type::Fixed),
    one("timeUnixNano", 3, Type::Fixed),
    one("count", 4, Type::Fixed),
    one("sum", 5, Type::Double),
    one("scale", 6, Type::Zigzag),
    one("zeroCount", 7, Type::Fixed),
    one("positive", 8, Type::Message(&BUCKETS)),
    one("negative", 9, Type::Message(&BUCKETS)),
    one("flags", 10, Type::Varint),
    many("exemplars", 11, Type::Message(&EXEMPLAR)),
    one("zeroThreshold", 14, Type::Double),
]);

static BUCKETS: Shape = Shape(&[one("offset", 1, Type::Zigzag), many("bucketCounts", 2, Type::Varint)]);

static SUMMARY_POINT: Shape = Shape(&[
    one("startTimeUnixNano", 2, Type::Fixed),
    one("timeUnixNano", 3, Type::Fixed),
    one("count", 4, Type::Fixed),
    one("sum", 5, Type::Double),
    many("quantileValues", 6, Type::Message(&QUANTILE)),
    many("attributes", 7, Type::Message(&KEY_VALUE)),
    one("flags", 8, Type::Varint),
]);

static QUANTILE: Shape = Shape(&[one("quantile", 1, Type::Double), one("value", 2, Type::Double)]);

static KEY_VALUE: Shape = Shape(&[one("key", 1, Type::Text), one("value", 2, Type::Message(&VALUE))]);

pub(super) static VALUE: Shape = Shape(&[
    choice("stringValue", 1, Type::Text),
    choice("boolValue", 2, Type::Bool),
    choice("intValue", 3, Type::Varint),
    choice("doubleValue", 4, Type::Double),
    choice("arrayValue", 5, Type::Message(&ARRAY)),
    choice("kvlistValue", 6, Type::Message(&LIST)),
    choice("bytesValue", 7, Type::Base64),
]);

static ARRAY: Shape = Shape(&[many("values", 1, Type::Message(&VALUE))]);

static LIST: Shape = Shape(&[many("values", 1, Type::Message(&KEY_VALUE))]);
