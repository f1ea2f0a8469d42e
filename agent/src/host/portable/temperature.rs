//! Temperatures, where the hardware tells them.

use sysinfo::{Components, Error};

use super::{Collector, Points};

pub(super) struct Temperature(Components);

impl Temperature {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self(Components::new()?))
    }
}

impl Collector for Temperature {
    fn collect(&mut self, points: &mut Points<'_>) {
        self.0.refresh(true);
        for sensor in self.0.iter() {
            let id = sensor_id(sensor.id().unwrap_or(sensor.label()));
            let labels = [("hw_id", id.as_str()), ("hw_name", sensor.label())];
            points.gauge("hw_temperature_celsius", &labels, sensor.temperature().map_or(f64::NAN, f64::from));
        }
    }
}

/// `hwmon0_1` is `hwmon0/temp1` elsewhere.
fn sensor_id(id: &str) -> String {
    match id.strip_prefix("hwmon").and_then(|rest| rest.split_once('_')) {
        Some((chip, input)) => format!("hwmon{chip}/temp{input}"),
        None => id.to_owned(),
    }
}
