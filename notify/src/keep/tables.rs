//! The tables of the file.

use redb::TableDefinition;

pub(super) type Numbered = TableDefinition<'static, u64, &'static [u8]>;
pub(super) type Named = TableDefinition<'static, &'static str, &'static [u8]>;

pub(super) const ALERTS: TableDefinition<'static, (u32, u64), &'static [u8]> = TableDefinition::new("alerts");
pub(super) const SILENCES: Named = TableDefinition::new("silences");
pub(super) const INTENTS: Numbered = TableDefinition::new("intents");
pub(super) const DEAD: Numbered = TableDefinition::new("dead_letters");
pub(super) const DEAD_HEADS: Numbered = TableDefinition::new("dead_letter_heads");
pub(super) const LOG: Named = TableDefinition::new("log");
pub(super) const HISTORY: TableDefinition<'static, (i64, u64), &'static [u8]> = TableDefinition::new("history");
/// Beside the table `meta` that every state file has.
pub(super) const META: Named = TableDefinition::new("about");
