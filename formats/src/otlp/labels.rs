//! Labels of a data point: its own attributes, and what its resource and its scope give to all of theirs.

use std::borrow::Cow;

use super::MOST_ATTRIBUTES;
use super::Translation;
use super::names::{self, Strategy};
use super::value::attribute;
use crate::protobuf::{Fields, Malformed, message, text};

/// Labels by name, sorted; none comes twice.
pub(super) type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What a resource says.
#[derive(Default)]
pub(super) struct Resource<'a> {
    /// `job` and `instance`, which stand over what a point says.
    identity: Labels<'a>,
    /// Attributes that are put on every series, where the point has none of that name.
    promoted: Labels<'a>,
    /// The labels of `target_info`, but for `job` and `instance`; `None` if they are too many.
    described: Option<Labels<'a>>,
}

/// Name and version of the library that measures.
#[derive(Clone, Copy, Default)]
pub(super) struct Scope<'a> {
    name: &'a str,
    version: &'a str,
}

impl<'a> Resource<'a> {
    /// Reads a resource.
    pub(super) fn read(bytes: &'a [u8], translation: &Translation) -> Result<Self, Malformed> {
        let (mut namespace, mut name, mut instance) = (Cow::Borrowed(""), Cow::Borrowed(""), Cow::Borrowed(""));
        let (mut others, mut count, mut raised) = (Vec::new(), 0, Vec::new());
        for field in Fields(bytes) {
            let (1, field) = field? else { continue };
            let (key, value) = attribute(message(field)?)?;
            count += 1;
            if count <= MOST_ATTRIBUTES && translation.promoted.iter().any(|wanted| wanted == key) {
                raised.push((key, value.clone()));
            }
            match key {
                "service.namespace" => namespace = value,
                "service.name" => name = value,
                "service.instance.id" => instance = value,
                _ if count <= MOST_ATTRIBUTES => others.push((key, value)),
                _ => {}
            }
        }
        let job = match (namespace.is_empty(), name.is_empty()) {
            (false, false) => Cow::Owned(format!("{namespace}/{name}")),
            _ => name,
        };
        let identity = [("job", job), ("instance", instance)];
        let identity = identity.into_iter().filter(|(_, value)| !value.is_empty());
        Ok(Self {
            identity: identity.map(|(label, value)| (Cow::Borrowed(label), value)).collect(),
            promoted: joined(raised, translation.strategy),
            described: (count <= MOST_ATTRIBUTES).then(|| joined(others, translation.strategy)),
        })
    }

    /// Whether it has more attributes than are kept.
    pub(super) fn is_too_large(&self) -> bool {
        self.described.is_none()
    }

    /// The labels of its `target_info`; `None` if it says nothing beside `job` and `instance`, or is neither.
    pub(super) fn info(&self) -> Option<Labels<'a>> {
        let described = self.described.as_ref().filter(|described| !described.is_empty())?;
        let mut labels = described.clone();
        self.identity.iter().for_each(|(name, value)| put(&mut labels, name.clone(), value.clone()));
        (!self.identity.is_empty()).then_some(labels)
    }
}

impl<'a> Scope<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut scope = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, field) => scope.name = text(field)?,
                (2, field) => scope.version = text(field)?,
                _ => {}
            }
        }
        Ok(scope)
    }
}

/// The labels of a point with some attributes, each as it lies in the message.
pub(super) fn of_point<'a>(
    attributes: &[&'a [u8]],
    resource: &Resource<'a>,
    scope: Scope<'a>,
    strategy: Strategy,
) -> Result<Labels<'a>, Malformed> {
    let mut labels = own(attributes, strategy)?;
    for (name, value) in &resource.promoted {
        if !labels.iter().any(|(own, _)| own == name) {
            labels.push((name.clone(), value.clone()));
        }
    }
    for (name, value) in [("otel_scope_name", scope.name), ("otel_scope_version", scope.version)] {
        if !value.is_empty() {
            put(&mut labels, Cow::Borrowed(name), Cow::Borrowed(value));
        }
    }
    resource.identity.iter().for_each(|(name, value)| put(&mut labels, name.clone(), value.clone()));
    Ok(labels)
}

/// Attributes alone as labels.
pub(super) fn own<'a>(attributes: &[&'a [u8]], strategy: Strategy) -> Result<Labels<'a>, Malformed> {
    let own = attributes.iter().map(|bytes| attribute(bytes)).collect::<Result<Vec<_>, _>>()?;
    Ok(joined(own, strategy))
}

/// A label in the place of one of its name.
pub(super) fn put<'a>(labels: &mut Labels<'a>, name: Cow<'a, str>, value: Cow<'a, str>) {
    match labels.iter_mut().find(|(own, _)| *own == name) {
        Some(label) => label.1 = value,
        None => labels.push((name, value)),
    }
}

/// Attributes as labels. Keys that become one name have their values joined by `;`, in the order of the keys.
fn joined<'a>(mut attributes: Vec<(&'a str, Cow<'a, str>)>, strategy: Strategy) -> Labels<'a> {
    attributes.sort_by(|one, other| one.0.cmp(other.0));
    let mut labels: Labels<'a> = Vec::with_capacity(attributes.len());
    for (key, value) in attributes {
        let name = names::label(key, strategy);
        match labels.iter_mut().find(|(own, _)| *own == name) {
            Some((_, all)) => *all = Cow::Owned(format!("{all};{value}")),
            None => labels.push((if name == key { Cow::Borrowed(key) } else { Cow::Owned(name) }, value)),
        }
    }
    labels
}
