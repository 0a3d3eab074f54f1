//! Nobody can tell who is enrolled, locked, closed or even there, before a code was proved: not by prompts, texts or offered
//! methods, and not by how long an answer takes.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

mod pairs;
mod people;
mod through_sshd;
mod times;
mod words;
