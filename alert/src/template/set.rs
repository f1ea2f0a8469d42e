//! Named templates that may call each other, and the way in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::eval::{Form, Run};
use super::lex::{Fault, TemplateError};
use super::mentions::{Mention, mentions};
use super::node::Node;
use super::parse::{Parsed, parse};
use super::value::Value;
use super::world::{Limits, World};

/// A set of named templates. A later one of a name stands in place of an earlier.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    named: BTreeMap<String, Arc<Vec<Node>>>,
}

impl Templates {
    /// Adds what `text` defines, and the text itself by `name`.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        let parsed = parse(text, &[]).map_err(|fault| named(name, fault))?;
        self.take(name, parsed);
        Ok(())
    }

    /// Reads `text` and tells what it asks of labels, without carrying it out. `variables` are there before it begins.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn check(name: &str, text: &str, variables: &[&str]) -> Result<Vec<Mention>, TemplateError> {
        let parsed = parse(text, variables).map_err(|fault| named(name, fault))?;
        Ok(mentions(&parsed))
    }

    /// What `text` gives with `data` as its dot and `$`, and with `variables`.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn text(
        &self,
        text: &str,
        data: &Value,
        variables: &[(&str, Value)],
        world: World<'_>,
        limits: Limits,
    ) -> Result<String, TemplateError> {
        self.run(text, data, variables, world, limits, Form::Text)
    }

    /// The same for HTML: values are escaped.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn html(&self, text: &str, data: &Value, world: World<'_>, limits: Limits) -> Result<String, TemplateError> {
        self.run(text, data, &[], world, limits, Form::Html)
    }

    fn run(
        &self,
        text: &str,
        data: &Value,
        variables: &[(&str, Value)],
        world: World<'_>,
        limits: Limits,
        form: Form,
    ) -> Result<String, TemplateError> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let known: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        let parsed = parse(text, &known).map_err(|fault| named("template", fault))?;
        let mut here = self.clone();
        let body = here.take("template", parsed);
        let mut all = vec![(String::new(), data.clone())];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut run = Run { templates: &here.named, world, limits, form, variables: all, out: String::new(), depth: 0 };
        run.text(&body, data).map_err(|fault| named("template", fault))?;
        Ok(run.out)
    }

    fn take(&mut self, name: &str, parsed: Parsed) -> Arc<Vec<Node>> {
        let body = Arc::new(parsed.body);
        self.named.extend(parsed.defined.into_iter().map(|(name, nodes)| (name, Arc::new(nodes))));
        self.named.insert(name.to_owned(), body.clone());
        body
    }
}

fn named(template: &str, (at, fault): Fault) -> TemplateError {
    TemplateError { template: template.to_owned(), at, fault }
}
