//! Many processes at once: on one record, on many, and while records are changed, removed and made again.

mod crowds;
mod one_record;
