//! From a notification to the request that tells it.

mod data;
mod email;
mod http;
mod pagerduty;
mod pen;
mod render;
mod request;
mod slack;
mod templates;
mod webhook;

pub(crate) use pen::Surroundings;
pub(crate) use render::request;
pub use request::{Auth, Codes, HttpRequest, Mail, Request, Source};
pub use templates::{TemplateFault, load_templates, template_files};
