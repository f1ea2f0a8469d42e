//! Keys of etcd that services register themselves under: each holds a target's address, or a group in JSON. Followed by a watch, so
//! that a key that comes, changes or expires is known at once. Asked through etcd's JSON gateway (`/v3`).

use std::time::Duration;

use hyper::Method;
use hyper::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::asker::{Asker, Patience};
use super::said::Teller;
use crate::config::{Asked, EtcdSource, Group};
use weir_fetch::Secret;

/// A watch in which nothing happens is opened anew after so long, in case nobody is there any more.
const QUIET: Duration = Duration::from_secs(60);
/// What happens at once is asked for at once.
const GATHER: Duration = Duration::from_millis(100);

pub(super) async fn follow(source: Asked<EtcdSource>, teller: Teller) {
    let Asked { own, client, .. } = source;
    let (mut patience, mut at) = (Patience::new(), 0);
    loop {
        let endpoint = own.endpoints[at % own.endpoints.len()].trim_end_matches('/');
        let outcome = match Asker::new(&client, Vec::new()) {
            Ok(asker) => one(endpoint, asker, &own, &teller, &mut patience).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = outcome {
            at += 1;
            patience.failed(&teller, fault).await;
        }
    }
}

/// Follows one server until it is silent or says that something is wrong.
async fn one(
    endpoint: &str,
    mut asker: Asker,
    own: &EtcdSource,
    teller: &Teller,
    patience: &mut Patience,
) -> Result<(), String> {
    if let (Some(name), Some(Secret(password))) = (&own.username, &own.password) {
        let (uri, who) = (format!("{endpoint}/v3/auth/authenticate"), json!({ "name": name, "password": password }));
        let token = asker.post(&uri, &who).await?["token"].as_str().unwrap_or_default().to_owned();
        asker.set_header(AUTHORIZATION, token);
    }
    let range = json!({ "key": coded(own.prefix.as_bytes()), "range_end": coded(&end_of(own.prefix.as_bytes())) });
    let mut revision = list(endpoint, &mut asker, &range, teller).await?;
    loop {
        let mut create = range.clone();
        create["start_revision"] = (revision + 1).to_string().into();
        let request = json!({ "create_request": create });
        let (_connection, mut events) =
            asker.watch(Method::POST, &format!("{endpoint}/v3/watch"), Some(&request)).await?;
        patience.succeeded();
        loop {
            let line = match events.line(QUIET).await {
                Ok(Some(line)) => line,
                // Nothing for long, or its end: where it stands now is asked, which also tells whether it is there.
                Ok(None) | Err(weir_fetch::Failure::Timeout(_)) => break,
                Err(failure) => return Err(format!("{endpoint} {failure}")),
            };
            let said: Value =
                serde_json::from_slice(&line).map_err(|error| format!("{endpoint}: a watch without JSON: {error}"))?;
            if !said["error"].is_null() {
                return Err(format!("{endpoint} ends the watch: {}", said["error"]));
            }
            if said["result"]["canceled"] == true || said["result"]["events"].is_array() {
                break;
            }
        }
        tokio::time::sleep(GATHER).await;
        revision = list(endpoint, &mut asker, &range, teller).await?;
    }
}

/// Tells all that is there, and returns as of which revision.
async fn list(endpoint: &str, asker: &mut Asker, range: &Value, teller: &Teller) -> Result<i64, String> {
    let said = asker.post(&format!("{endpoint}/v3/kv/range"), range).await?;
    let revision = said["header"]["revision"].as_str().and_then(|text| text.parse().ok());
    let revision = revision.ok_or_else(|| format!("{endpoint} answers without a revision: is it etcd's /v3?"))?;
    let (mut groups, mut faults) = (Vec::new(), Vec::new());
    for pair in said["kvs"].as_array().into_iter().flatten() {
        let text = |name: &str| {
            let bytes = pair[name].as_str().and_then(weir_formats::base64::decode);
            bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
        };
        let key = text("key");
        match group(&text("value")) {
            Ok(mut group) => {
                group.labels.insert("__meta_etcd_key".into(), key);
                groups.push(group);
            }
            Err(fault) => faults.push(format!("key {key:?} of {endpoint}: {fault}")),
        }
    }
    faults.truncate(3);
    teller.found_in_part(groups, (!faults.is_empty()).then(|| faults.join("; ")));
    Ok(revision)
}

/// What a key holds.
fn group(value: &str) -> Result<Group, String> {
    let value = value.trim();
    if value.starts_with('{') {
        return serde_json::from_str(value).map_err(|error| format!("it holds no group of targets: {error}"));
    }
    match value.is_empty() || value.contains(char::is_whitespace) {
        true => Err("it holds neither an address nor a group in JSON".into()),
        false => Ok(Group { targets: vec![value.to_owned()], labels: Default::default() }),
    }
}

/// The first key after all that begin so.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // All keys.
    vec![0]
}

fn coded(bytes: &[u8]) -> String {
    weir_formats::base64::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_after_its_prefix() {
        assert_eq!(end_of(b"/a/"), b"/a0");
        assert_eq!(end_of(b"a\xff"), b"b");
        assert_eq!(end_of(b"\xff"), b"\0");
    }

    #[test]
    fn a_key_holds_an_address_or_a_group() {
        assert_eq!(group(" a:1\n").unwrap().targets, ["a:1"]);
        let group_of_two = group(r#"{"targets": ["a:1", "b:1"], "labels": {"x": "y"}}"#).unwrap();
        assert_eq!((group_of_two.targets.len(), group_of_two.labels["x"].as_str()), (2, "y"));
        assert!(group("").is_err() && group("{").is_err() && group("a b").is_err());
    }
}
