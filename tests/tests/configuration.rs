//! The configuration and the module's arguments: what they change, and that nothing in them that is wrong opens a door.

use std::fs;

use nightlatch_tests::{Code, Stack, Style, sandboxed};

#[test]
fn the_number_of_questions_is_the_configurations() {
    sandboxed(|world| {
        world.configure("[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n");
        let alice = world.user("alice").enrolled();
        alice
            .tries()
            .always_answers(alice.phone().wrong_code())
            .run()
            .gives(Code::AuthErr)
            .asking(1);
    });
}

#[test]
fn a_broken_configuration_denies_and_the_log_says_where_it_is_broken() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for (broken, said) in [
            (
                "[enrolment]\nmode = \"required\"\n",
                "line 1: unknown field `enrolment`",
            ),
            (
                "[enrollment]\nmode = \"sometimes\"\n",
                "line 2: unknown variant `sometimes`",
            ),
            ("[login]\nprompts = \"three\"\n", "line 2: invalid type"),
            (
                "[login]\nprompts = 0\n",
                "line 2: the number must be 1 to 10",
            ),
            ("not toml at all", "line 1: key with no value"),
        ] {
            let log = world.log().from_now();
            world.configure_exactly(broken);
            alice
                .tries()
                .always_answers(alice.phone().code_at(0))
                .run()
                .gives(Code::ServiceErr)
                .asking(0)
                .leaves_the_host_alone();
            let refusals = log.with("event=misconfigured");
            let [line] = &refusals[..] else {
                panic!("one line about {broken:?}: {refusals:#?}")
            };
            for part in ["/etc/nightlatch/nightlatch.toml", said] {
                assert!(line.text.contains(part), "{broken:?}: {line:?}");
            }
        }
    });
}

#[test]
fn without_a_configuration_the_defaults_hold() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        fs::remove_dir_all("/etc/nightlatch").unwrap();
        alice.gets_in_with(alice.phone().code());
    });
}

#[test]
fn an_argument_that_is_not_understood_denies() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        for (argument, said) in [
            ("nullok", "`nullok`"),
            ("skip=always", "`skip=` takes"),
            ("skip", "`skip=` takes"),
            ("config=", "`config=` takes"),
            (
                "config=/etc/nightlatch/absent.toml",
                "/etc/nightlatch/absent.toml",
            ),
            ("debug=yes", "`debug=yes`"),
            ("echo=1", "`echo=1`"),
            ("panic", "`panic`"),
        ] {
            let log = world.log().from_now();
            world.stack("strange", Stack::CodeOnly(argument));
            alice
                .tries()
                .service("strange")
                .always_answers(alice.phone().code_at(0))
                .run()
                .gives(Code::ServiceErr)
                .asking(0)
                .leaves_the_host_alone();
            let refusals = log.with("event=misconfigured");
            let [line] = &refusals[..] else {
                panic!("one line about {argument:?}: {refusals:#?}")
            };
            assert!(line.text.contains(said), "{argument:?}: {line:?}");
        }
    });
}

#[test]
fn arguments_change_the_question_the_echo_and_the_configuration() {
    sandboxed(|world| {
        let alice = world.user("alice").enrolled();
        fs::write(
            "/etc/nightlatch/other.toml",
            "[login]\nprompts = 2\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n",
        )
        .unwrap();
        let arguments = "[prompt=Your code, please: ] echo debug config=/etc/nightlatch/other.toml";
        world.stack("chatty", Stack::CodeOnly(arguments));
        let wrong = alice.phone().wrong_code();
        let outcome = alice.tries().service("chatty").always_answers(&wrong).run();
        outcome.gives(Code::AuthErr).asking(2);
        for prompt in &outcome.only().prompts {
            assert_eq!(prompt.style, Style::EchoOn);
            assert!(prompt.text.ends_with("Your code, please: "), "{prompt:?}");
        }
        world.log().says(&[
            "event=began",
            "user=\"alice\"",
            "service=\"chatty\"",
            "place=elsewhere",
            "config=\"/etc/nightlatch/other.toml\"",
        ]);
        // Who does not ask for it does not get it.
        alice.tries().always_answers(&wrong).run().asking(3);
        assert_eq!(world.log().with("event=began").len(), 1);
        world.log().never_says(&wrong);
        world.log().never_says(alice.phone().secret());
    });
}

#[test]
fn credentials_are_success_whatever_is_broken() {
    sandboxed(|world| {
        let alice = world.user("alice");
        world.configure_exactly("not toml at all");
        world.stack("strange", Stack::CodeOnly("nonsense"));
        for service in ["door", "strange"] {
            let outcome = alice.tries().service(service).calling(&["setcred"]).run();
            outcome
                .gives(Code::Success)
                .asking(0)
                .leaves_the_host_alone();
        }
    });
}
