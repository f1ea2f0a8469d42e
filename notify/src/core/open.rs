//! Start and reload: the state as the file has it, the routes as the configuration has them.

use weir_alert::routing::Config;
use weir_alert::template::Templates;
use weir_sample::Timestamp;

use super::accept::log_name;
use super::book::Entry;
use super::groups::Groups;
use super::lanes::Lanes;
use super::notifier::{Notifier, Settings};
use super::tell::Outcome;
use crate::held::Held;
use crate::keep::{Error, Store};
use crate::quiet::{Inhibitor, Silences};

impl Notifier {
    /// Opens the state file or makes a new one. What was about to be sent when it was last closed, or killed, is sent again with the same keys.
    ///
    /// # Errors
    /// The file.
    pub fn open(settings: Settings, config: Config, templates: Templates, now: Timestamp) -> Result<Self, Error> {
        let store = Store::open(&settings.state)?;
        let store_id = store_id(&store)?;
        let next_id = store.meta("next_id")?.and_then(|bytes| bytes.try_into().ok()).map_or(1, u64::from_le_bytes);
        let mut silences = Silences::default();
        store.silences()?.into_iter().for_each(|silence| silences.put(silence));
        let mut notifier = Self {
            log: store.log()?.into_iter().collect(),
            store,
            settings,
            config: Config::default(),
            templates: Templates::default(),
            book: Default::default(),
            groups: Groups::default(),
            inhibitor: Inhibitor::default(),
            silences,
            lanes: Lanes::default(),
            in_flight: Default::default(),
            store_id,
            next_id,
            next_care: now,
            ticked: now,
        };
        let entries = &mut notifier.book.entries;
        notifier.store.alerts(|event| {
            entries.insert((event.tenant, event.fingerprint()), Entry { held: Held::of(&event), groups: Vec::new() });
        })?;
        notifier.route_by(config, templates, now);
        for id in notifier.store.intents()? {
            let Some(head) = notifier.store.intent_head(id)? else { continue };
            let lane = (head.receiver.clone(), head.channel.clone());
            let name = log_name(&lane, &head.group_key);
            notifier.lanes.add(id, lane, name, Timestamp(head.created_ms), now);
        }
        notifier.refuse_homeless(now)?;
        Ok(notifier)
    }

    /// Takes another configuration. What waits for a channel that is gone becomes a dead letter.
    ///
    /// # Errors
    /// The file.
    pub fn configure(&mut self, config: Config, templates: Templates, now: Timestamp) -> Result<(), Error> {
        self.route_by(config, templates, now);
        self.refuse_homeless(now)
    }

    /// The configuration in force.
    pub(crate) fn into_routes(self) -> (Config, Templates) {
        (self.config, self.templates)
    }

    fn route_by(&mut self, config: Config, templates: Templates, now: Timestamp) {
        self.groups = Groups::default();
        self.inhibitor = Inhibitor::new(config.inhibitions.clone());
        let channels = config.receivers.values();
        self.lanes.set(
            channels.flat_map(|receiver| receiver.channels.iter().map(|one| (receiver.name.clone(), one.name.clone()))),
        );
        (self.config, self.templates) = (config, templates);
        for (key, entry) in &mut self.book.entries {
            entry.groups = super::accept::join(&mut self.groups, &self.config, *key, &entry.held, now);
        }
        for (key, entry) in &self.book.entries {
            self.inhibitor.note(*key, &entry.held.labels, self.book.fires(&entry.held, now));
        }
    }

    fn refuse_homeless(&mut self, now: Timestamp) -> Result<(), Error> {
        let homeless = self.lanes.waiting.iter().filter(|(_, waiting)| !self.lanes.has(&waiting.lane));
        let why = "its receiver or channel is gone from the configuration";
        let refused = homeless.map(|(id, _)| (*id, Outcome::Refused(why.to_owned()))).collect();
        self.finish(now, refused)
    }
}

/// Eight random bytes, made with the file.
fn store_id(store: &Store) -> Result<String, Error> {
    if let Some(id) = store.meta("id")? {
        return Ok(String::from_utf8_lossy(&id).into_owned());
    }
    let id = crate::ident::random();
    let write = store.write()?;
    write.set_meta("id", id.as_bytes())?;
    write.commit()?;
    Ok(id)
}
