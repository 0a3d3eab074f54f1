//! The words of the module's line in /etc/pam.d, divided by zero bytes as libpam's are.
#![no_main]

#[path = "../../pam-module/src/arguments.rs"]
#[allow(dead_code, reason = "the module uses all of it")]
mod arguments;

use arguments::{Arguments, FirstPass, Forward, Skip};
use nightlatch_core::login::Echo;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let words: Vec<String> = bytes
        .split(|&byte| byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    match Arguments::parse(&words) {
        Ok(arguments) => {
            assert_eq!(Arguments::parse(&written(&arguments)), Ok(arguments));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

/// The words that say this.
fn written(arguments: &Arguments) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(path) = &arguments.config {
        assert!(path.is_absolute());
        words.push(format!("config={}", path.display()));
    }
    if let Some(prompt) = &arguments.prompt {
        assert!(!prompt.is_empty() && !prompt.contains(char::is_control));
        words.push(format!("prompt={prompt}"));
    }
    if arguments.debug {
        words.push("debug".to_owned());
    }
    if arguments.echo == Echo::On {
        words.push("echo".to_owned());
    }
    if arguments.skip == Skip::Success {
        words.push("skip=success".to_owned());
    }
    match arguments.first_pass {
        FirstPass::Leave => {}
        FirstPass::Try => words.push("try_first_pass".to_owned()),
        FirstPass::Only => words.push("use_first_pass".to_owned()),
    }
    if arguments.forward == Forward::Password {
        words.push("forward_pass".to_owned());
    }
    words
}
