//! What the tests of several files need.

mod home;
pub(crate) mod own_process;
pub(crate) mod token;

pub(crate) use home::home;
