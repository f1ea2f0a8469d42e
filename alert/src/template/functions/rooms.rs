//! The way from a name to its function.

use super::super::value::Value;
use super::super::world::World;
use super::{go, humanize, queries, texts, times};

/// The rooms in which a name is looked for.
const ROOMS: [Room; 5] = [
    Room { names: go::NAMES, call: |name, arguments, _| go::call(name, arguments) },
    Room { names: texts::NAMES, call: texts::call },
    Room { names: humanize::NAMES, call: |name, arguments, _| humanize::call(name, arguments) },
    Room { names: queries::NAMES, call: queries::call },
    Room { names: times::NAMES, call: times::call },
];

struct Room {
    names: &'static [&'static str],
    call: fn(&str, &[Value], &World<'_>) -> Result<Value, String>,
}

pub(in super::super) fn is_function(name: &str) -> bool {
    ["and", "or", "tmpl"].contains(&name) || ROOMS.iter().any(|room| room.names.contains(&name))
}

pub(in super::super) fn call(name: &str, arguments: &[Value], world: &World<'_>) -> Result<Value, String> {
    let room =
        ROOMS.iter().find(|room| room.names.contains(&name)).ok_or_else(|| format!("function {name:?} not defined"))?;
    (room.call)(name, arguments, world)
}
