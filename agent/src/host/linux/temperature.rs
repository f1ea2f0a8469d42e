//! Temperatures, where the hardware tells them.

use std::path::{Path, PathBuf};

use super::{Collector, Points};
use crate::proc::number;

pub(super) struct Temperature {
    root: PathBuf,
    sensors: Option<Vec<Sensor>>,
}

struct Sensor {
    id: String,
    name: String,
    path: PathBuf,
}

impl Temperature {
    /// Sensors are looked for once, by the first collection; those plugged in later are found by a reload.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), sensors: None }
    }
}

fn sensors(root: &Path) -> Vec<Sensor> {
    let mut sensors = monitors(root);
    if sensors.is_empty() {
        sensors = zones(root);
    }
    sensors.sort_by(|a, b| a.id.cmp(&b.id));
    sensors
}

impl Collector for Temperature {
    fn collect(&mut self, points: &mut Points<'_>) {
        for Sensor { id, name, path } in &*self.sensors.get_or_insert_with(|| sensors(&self.root)) {
            if let Some(thousandths) = number(path) {
                let labels = [("hw_id", id.as_str()), ("hw_name", name.as_str())];
                points.gauge("hw_temperature_celsius", &labels, thousandths / 1e3);
            }
        }
    }
}

fn monitors(root: &Path) -> Vec<Sensor> {
    let mut sensors = Vec::new();
    for monitor in entries(&root.join("sys/class/hwmon")) {
        let chip = text(&monitor.join("name")).unwrap_or_default();
        for path in entries(&monitor) {
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(input) = file.strip_suffix("_input").filter(|input| input.starts_with("temp")) else { continue };
            let label = text(&monitor.join(format!("{input}_label"))).unwrap_or_else(|| input.to_owned());
            let folder = monitor.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            sensors.push(Sensor { id: format!("{folder}/{input}"), name: format!("{chip} {label}"), path });
        }
    }
    sensors
}

fn zones(root: &Path) -> Vec<Sensor> {
    let sensor = |zone: PathBuf| {
        let id = zone.file_name()?.to_str()?.to_owned();
        let path = zone.join("temp");
        path.exists().then(|| Sensor { id, name: text(&zone.join("type")).unwrap_or_default(), path })
    };
    entries(&root.join("sys/class/thermal")).into_iter().filter_map(sensor).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).map(|all| all.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

fn text(path: &Path) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_owned())
}
