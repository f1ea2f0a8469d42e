//! Answers: an `ExportMetricsServiceResponse`, or a `google.rpc.Status` where there is none.

/// The answer to a request that was taken; `left_out` says how many of its data points were not, and why.
pub fn partial_success(left_out: Option<(u64, &str)>, as_json: bool) -> Vec<u8> {
    let Some((count, why)) = left_out else {
        return if as_json { b"{}".to_vec() } else { Vec::new() };
    };
    if as_json {
        let said = serde_json::json!({ "rejectedDataPoints": count.to_string(), "errorMessage": why });
        return serde_json::json!({ "partialSuccess": said }).to_string().into_bytes();
    }
    let mut inner = vec![1 << 3];
    varint(&mut inner, count);
    bytes(&mut inner, 2, why.as_bytes());
    let mut answer = Vec::new();
    bytes(&mut answer, 1, &inner);
    answer
}

/// The answer to a request that was not taken; the code is gRPC's.
pub fn failure(code: u8, why: &str, as_json: bool) -> Vec<u8> {
    if as_json {
        return serde_json::json!({ "code": code, "message": why }).to_string().into_bytes();
    }
    let mut status = vec![1 << 3, code];
    bytes(&mut status, 2, why.as_bytes());
    status
}

fn bytes(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
