//! Whole Debian systems, booted with systemd.

mod setup;
