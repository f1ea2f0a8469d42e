//! A target: what relabelling makes of an address, and the grid of times at which it is asked.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use weir_sample::Timestamp;
use weir_wire::AgentId;

use crate::config::{Group, Job, span};
use crate::relabel::{LabelSet, relabel};

/// Where is asked, how often, and what its series are called.
#[derive(Debug)]
pub(crate) struct Target {
    pub id: AgentId,
    pub job: Arc<Job>,
    pub uri: Uri,
    pub labels: LabelSet,
    pub interval: Duration,
    pub timeout: Duration,
    /// Labels before relabelling.
    pub discovered: LabelSet,
    /// What decides who of several collectors asks it. Labels have no part in it, so that it stays where it is when they change.
    pub key: String,
}

/// What relabelling makes of an address.
#[derive(Debug)]
pub(crate) enum Made {
    Target(Box<Target>),
    /// It is dropped; these were its labels.
    Dropped(LabelSet),
}

impl Target {
    /// What relabelling makes of an address of a group.
    ///
    /// # Errors
    /// It cannot be asked, in words.
    pub(crate) fn of(job: &Arc<Job>, group: &Group, address: &str) -> Result<Made, String> {
        let discovered = before(job, group, address);
        let mut labels = discovered.clone();
        if !relabel(&job.relabel, &mut labels) {
            return Ok(Made::Dropped(discovered));
        }
        let text = |name: &str| labels.get(name).map_or("", String::as_str);
        let duration = |name| span(text(name)).filter(|span| !span.is_zero()).ok_or_else(|| format!("{name} is none"));
        let (interval, timeout) = (duration("__scrape_interval__")?, duration("__scrape_timeout__")?);
        if text("__address__").is_empty() {
            return Err("it has no address after relabelling".into());
        }
        let uri = uri(job, &labels)?;
        if !labels.contains_key("instance") {
            labels.insert("instance".into(), text("__address__").to_owned());
        }
        labels.retain(|name, value| !name.starts_with("__") && !value.is_empty());
        for (name, value) in &job.external {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let id = id(&uri, interval, &labels);
        let key = format!("{}\0{}\0{}", job.name, uri.authority().map_or("", |at| at.as_str()), uri.path());
        let timeout = timeout.min(interval);
        Ok(Made::Target(Box::new(Self { id, job: job.clone(), uri, labels, interval, timeout, discovered, key })))
    }

    /// When the window began that is now: the last time of its grid that is not after this one.
    pub(crate) fn current(&self, now: Timestamp) -> Timestamp {
        let interval = self.interval.as_millis() as i64;
        let [.., a, b, c, d] = self.id.0;
        let offset = i64::from(u32::from_le_bytes([a, b, c, d])) % interval;
        Timestamp((now.millis() - offset).div_euclid(interval) * interval + offset)
    }

    /// When so many more windows than the one that is now have begun.
    pub(crate) fn windows_on(&self, now: Timestamp, windows: i64) -> Timestamp {
        Timestamp(self.current(now).millis() + (windows + 1) * self.interval.as_millis() as i64)
    }

    /// The window after this one, or the one that is now if others have gone by meanwhile.
    pub(crate) fn after(&self, window: Timestamp, now: Timestamp) -> Timestamp {
        Timestamp(window.millis() + self.interval.as_millis() as i64).max(self.current(now))
    }
}

/// The labels that relabelling begins with.
fn before(job: &Job, group: &Group, address: &str) -> LabelSet {
    let mut labels = group.labels.clone();
    labels.insert("__address__".into(), address.into());
    let millis = |duration: Duration| format!("{}ms", duration.as_millis());
    for (name, value) in [
        ("job", job.name.clone()),
        ("__scrape_interval__", millis(job.interval)),
        ("__scrape_timeout__", millis(job.timeout)),
        ("__metrics_path__", job.path.clone()),
        ("__scheme__", job.scheme.clone()),
    ] {
        labels.entry(name.into()).or_insert(value);
    }
    for (name, values) in &job.params {
        if let Some(value) = values.first() {
            labels.insert(format!("__param_{name}"), value.clone());
        }
    }
    labels
}

fn uri(job: &Job, labels: &LabelSet) -> Result<Uri, String> {
    let text = |name: &str| labels.get(name).map_or("", String::as_str);
    let scheme = text("__scheme__");
    if !["http", "https"].contains(&scheme) {
        return Err(format!("{scheme:?} is no scheme: http or https"));
    }
    let set = labels.iter().filter_map(|(name, value)| Some((name.strip_prefix("__param_")?, value.as_str())));
    let more = job.params.iter().flat_map(|(name, values)| values.iter().skip(1).map(move |value| (&**name, &**value)));
    let mut pairs: Vec<_> = set.chain(more).map(|(name, value)| format!("{}={}", coded(name), coded(value))).collect();
    pairs.sort_by(|a, b| a.split('=').next().cmp(&b.split('=').next()));
    let path = text("__metrics_path__");
    let (slash, mark) = (if path.starts_with('/') { "" } else { "/" }, if pairs.is_empty() { "" } else { "?" });
    let whole = format!("{scheme}://{}{slash}{path}{mark}{}", text("__address__"), pairs.join("&"));
    whole.parse().map_err(|error| format!("{whole:?} is no address: {error}"))
}

/// As a part of a query.
fn coded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The same in every collector that has this target.
fn id(uri: &Uri, interval: Duration, labels: &LabelSet) -> AgentId {
    let mut text = format!("{uri}\0{}", interval.as_millis());
    for (name, value) in labels {
        text.extend(["\0", name, "\0", value]);
    }
    AgentId(xxhash_rust::xxh3::xxh3_128(text.as_bytes()).to_le_bytes())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::Config;

    fn targets(job: &str) -> Vec<Result<Made, String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scrape.yml");
        std::fs::write(&path, format!("scrape_configs:\n- {{job_name: j, {job}}}\n")).unwrap();
        let job = Arc::new(Config::load(&path).unwrap().jobs.remove(0));
        let each = |group: &Group| group.targets.iter().map(|one| Target::of(&job, group, one)).collect::<Vec<_>>();
        job.groups.iter().flat_map(each).collect()
    }

    /// A job's first target.
    pub(crate) fn made(job: &str) -> Target {
        match targets(job).remove(0) {
            Ok(Made::Target(target)) => *target,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_target_is_what_relabelling_makes_of_an_address() {
        let job = "params: {m: [a b, c]}, static_configs: [{targets: ['h:1', 'i:2'], labels: {x: y, __meta_z: q}}], \
                   relabel_configs: [{source_labels: [__address__], regex: 'i.*', action: drop}, \
                   {source_labels: [__meta_z], target_label: z}, {target_label: __metrics_path__, replacement: p}]";
        assert!(matches!(targets(job).pop(), Some(Ok(Made::Dropped(labels))) if labels["__address__"] == "i:2"));
        let target = made(job);
        assert_eq!(target.uri, "http://h:1/p?m=a%20b&m=c");
        let labels: Vec<_> = target.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(labels, ["instance=h:1", "job=j", "x=y", "z=q"]);
    }

    #[test]
    fn times_are_on_one_grid_whoever_asks() {
        let one = || made("scrape_interval: 15s, static_configs: [{targets: ['h:1']}]");
        let (a, b) = (one(), one());
        let first = a.current(Timestamp(1_700_000_000_000));
        let later = |millis| Timestamp(first.millis() + millis);
        assert_eq!(b.current(later(14_999)), first);
        assert_eq!(b.current(later(15_000)), later(15_000));
        assert_eq!(a.after(first, later(100)), later(15_000));
        // A look that took all its time is late for the next one, and leaves none out.
        assert_eq!(a.after(first, later(15_100)), later(15_000));
        assert_eq!(a.after(first, later(31_000)), later(30_000));
    }

    #[test]
    fn who_asks_does_not_depend_on_labels() {
        let with = |labels: &str| made(&format!("static_configs: [{{targets: ['h:1'], labels: {{{labels}}}}}]"));
        assert_ne!(with("a: b").id, with("a: c").id);
        assert_eq!(with("a: b").key, with("a: c").key);
        assert_ne!(with("a: b").key, made("static_configs: [{targets: ['h:2']}]").key);
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        let check = |job: &str, fault: &str| {
            let told = targets(job).remove(0).unwrap_err();
            assert!(told.contains(fault), "{told}");
        };
        check("scheme: ftp, static_configs: [{targets: ['h:1']}]", "scheme");
        check("static_configs: [{targets: ['']}]", "no address");
        check("static_configs: [{targets: ['h h:1']}]", "no address");
    }
}
