//! Answers: an `ExportMetricsServiceResponse`, or a `google.rpc.Status` where there is none.

use crate::pen::{bytes, number};
use crate::protobuf::{Field, Fields, message, whole};

/// The answer to a request that was taken; `left_out` says how many of its data points were not, and why.
pub fn partial_success(left_out: Option<(u64, &str)>, as_json: bool) -> Vec<u8> {
    let Some((count, why)) = left_out else {
        return if as_json { b"{}".to_vec() } else { Vec::new() };
    };
    if as_json {
        let said = serde_json::json!({ "rejectedDataPoints": count.to_string(), "errorMessage": why });
        return serde_json::json!({ "partialSuccess": said }).to_string().into_bytes();
    }
    let mut inner = Vec::new();
    number(&mut inner, 1, count);
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

/// How many data points a receiver did not take, and why, as its answer in protobuf says; `None` if it took all, or says
/// nothing that can be read.
pub fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let partial = field(answer, 1).and_then(|field| message(field).ok())?;
    let count = field(partial, 1).and_then(|field| whole(field).ok())?;
    let why = field(partial, 2).and_then(|field| message(field).ok()).unwrap_or_default();
    (count > 0).then(|| (count, String::from_utf8_lossy(why).into_owned()))
}

fn field(bytes: &[u8], wanted: u64) -> Option<Field<'_>> {
    Fields(bytes).map_while(Result::ok).find_map(|(number, field)| (number == wanted).then_some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_rejected_is_read() {
        let answer = partial_success(Some((300, "too old")), false);
        assert_eq!(rejected(&answer), Some((300, "too old".into())));
        assert_eq!(rejected(&partial_success(None, false)), None);
        (0..answer.len()).for_each(|end| _ = rejected(&answer[..end]));
    }
}
