//! What a checksum holds over: bodies and slots that are understood, and those that are not.

use nightlatch_tests::sandboxed;

use crate::agreement::{DAY, now};
use crate::records::{Records, Slot};

#[test]
fn the_reader_agrees_on_what_a_body_may_say() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 8\n");
        let alice = world.passing_user("alice").enrolled();
        let enrollment = alice.enrollment().unwrap();
        let body = Slot::body_in(&alice.state_files()[0]);
        let [token, spent, elsewhere, wrong] = body.lines().collect::<Vec<_>>()[..] else {
            panic!("not what an enrollment leaves: {body}")
        };
        let id = token.split(' ').nth(1).unwrap();
        let known = |places: &[&str]| {
            let lines = places.iter().map(|place| format!("place {place}\n"));
            format!(
                "{token}\n{spent}\n{}{elsewhere}\n{wrong}\n",
                lines.collect::<String>()
            )
        };
        let now = now();
        let most = u32::MAX;
        let understood = [
            body.clone(),
            body.replace("never", "1"),
            body.replace("never", "59479000 disabled"),
            body.replace("never", &u64::MAX.to_string()),
            format!("token {OTHER} never\n{body}"),
            body.replace(spent, &format!("{spent}\nspent {OTHER} 1")),
            body.replace(&format!("{spent}\n"), ""),
            body.replace(spent, &format!("{}5", &spent[..spent.len() - 1])),
            format!("{body}waiting {OTHER}\n"),
            format!("{body}waiting {}\n", spent.split(' ').nth(1).unwrap()),
            body.replace(elsewhere, &format!("elsewhere {most} {}", u64::MAX)),
            body.replace(
                wrong,
                &format!("wrong {most} local:1 address:192.0.2.1 address:2001:db8::/64 elsewhere"),
            ),
            known(&[&format!("address:192.0.2.1 {now} 3 {now}")]),
            known(&[
                &format!("address:::/64 {now} 3 {now}"),
                &format!("local:{most} {now} 1 0"),
            ]),
            known(&[
                &format!("local:2 {now} 3 {now}"),
                &format!("local:1 {now} 0 0"),
            ]),
            known(&[
                &format!("local:1 {} 3 {now}", now - 30 * DAY + 60),
                &format!("local:2 {} 3 {now}", now - 30 * DAY - 60),
            ]),
            known(&[
                &format!("local:1 0 {most} {now}"),
                &format!("local:2 0 {most} {now}"),
            ]),
            known(&[&format!("local:1 {} 1 {now}", u64::MAX)]),
        ];
        let many = |word: &str, count: u32| -> String {
            (0..count)
                .map(|n| format!("{word} {n:032x} 1\n"))
                .collect::<Vec<_>>()
                .concat()
        };
        let lost = [
            String::new(),
            format!("{body}\n"),
            body[..body.len() - 1].to_owned(),
            body.replace('\n', "\r\n"),
            body.replace(' ', "  "),
            body.replace("never", "01"),
            body.replace("never", "+1"),
            body.replace("never", "18446744073709551616"),
            body.replace("never", "1 Disabled"),
            body.replace(id, &id.to_uppercase()),
            body.replace(id, OTHER),
            many("token", 16) + &body,
            body.replace(spent, &format!("{spent}\n{}", many("spent", 2).trim_end())),
            format!("{spent}\n{token}\n{elsewhere}\n{wrong}\n"),
            format!("{body}waiting {OTHER}\nwaiting {OTHER}\n"),
            format!("{body}news 1\n"),
            body.replace(elsewhere, "elsewhere 4294967296 0"),
            body.replace(wrong, "wrong 9 local:1 local:2 local:3 local:4 local:5"),
            body.replace(&format!("{wrong}\n"), ""),
            known(&["local:01 1 0 0"]),
            known(&["local:4294967296 1 0 0"]),
            known(&["address:192.0.2.01 1 0 0"]),
            known(&["address:192.0.2.0/24 1 0 0"]),
            known(&["address:2001:db8:: 1 0 0"]),
            known(&["address:2001:db8::1/64 1 0 0"]),
            known(&["address:2001:0db8::/64 1 0 0"]),
            known(&["address:2001:DB8::/64 1 0 0"]),
            known(&["nowhere 1 0 0"]),
            known(&["local:1 1 0"]),
            known(&[format!("local:1 {now} 0 0").as_str(); 17]),
        ];
        let mut records = Records::new(world);
        for body in &understood {
            let _ = records.is("whole", &enrollment, Slot::both(body), body);
        }
        for body in &lost {
            let _ = records.is("lost", &enrollment, Slot::both(body), body);
        }
        records.are_read_so();
    });
}

#[test]
fn the_reader_agrees_on_what_two_slots_say_together() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let alice = world.passing_user("alice").enrolled();
        let enrollment = alice.enrollment().unwrap();
        let good = Slot::both(&Slot::body_in(&alice.state_files()[0]));
        let mut records = Records::new(world);
        let mut changed = |what: &str, change: fn(&mut Slot), newer, older| {
            for (which, expected) in [(0, newer), (1, older)] {
                let mut slots = good.clone();
                change(&mut slots[which]);
                let _ = records.is(expected, &enrollment, slots, what);
            }
        };
        changed("nothing", |_| {}, "whole", "whole");
        changed("inode", |slot| slot.inode_off = 1, "copied", "whole");
        changed("birth time", |slot| slot.birth_off = 1, "copied", "whole");
        changed(
            "magic",
            |slot| slot.magic[7] = b'U',
            "one-slot-bad",
            "one-slot-bad",
        );
        changed(
            "a version to come",
            |slot| slot.version = 3,
            "refused",
            "refused",
        );
        changed(
            "version 2 that says what version 1 can",
            |slot| slot.version = 2,
            "whole",
            "whole",
        );
        changed(
            "a body to come",
            |slot| slot.body.push_str("news 1\n"),
            "lost",
            "lost",
        );
        changed("no version", |slot| slot.version = 0, "refused", "refused");
        // The sequence numbers are 4 and 3.
        changed(
            "the number of the other",
            |slot| slot.sequence = 7 - slot.sequence,
            "lost",
            "lost",
        );
        changed(
            "the last number",
            |slot| slot.sequence = u64::MAX,
            "whole",
            "whole",
        );
        changed("no number", |slot| slot.sequence = 0, "whole", "whole");
        records.are_read_so();
    });
}

#[test]
fn the_reader_agrees_on_what_version_2_of_a_body_may_say_and_that_version_1_may_not() {
    sandboxed(|world| {
        world.configure("[backup_codes]\ncount = 1\n");
        let alice = world.passing_user("alice").enrolled();
        let enrollment = alice.enrollment().unwrap();
        let body = Slot::body_in(&alice.state_files()[0]);
        let [token, ..] = body.lines().collect::<Vec<_>>()[..] else {
            panic!("not what an enrollment leaves: {body}")
        };
        let after = |line: &str| body.replace(token, &format!("{token}\n{line}"));
        let with = |words: &str| body.replace(token, &format!("{token} {words}"));
        let [salt, hash] = [32, 64].map(|length| "a".repeat(length));
        let ticket = format!("ticket {OTHER} {salt} {hash} 1795487400\n");
        let temporary = |fate: &str| format!("temporary {OTHER} {salt} {hash} 1795487400{fate}\n");
        let trusted = |count: u32| -> String {
            (0..count)
                .flat_map(|n| {
                    [
                        "trusted ssh+d.1@_-X local:".to_owned(),
                        format!("{n} {n}\n"),
                    ]
                })
                .collect()
        };
        let all = format!(
            "vacant\nclosed\n{}{ticket}{}{}",
            body.replace(
                token,
                &format!("{token} drift -100 disabled waiting\nresync {OTHER} 9 elsewhere")
            ),
            temporary(" told"),
            trusted(16)
        );
        let understood = [
            format!("vacant\n{body}"),
            format!("closed\n{body}"),
            with("drift 1"),
            with("drift -3 waiting"),
            with("waiting"),
            after(&format!("resync {OTHER} {} address:192.0.2.1", u64::MAX)),
            format!("{body}{ticket}"),
            format!("{body}{}", temporary("")),
            format!("{body}{}", temporary(" told")),
            format!("{body}{}", temporary(" used 1795487400 address:192.0.2.1")),
            format!("{body}trusted sshd address:192.0.2.1 1\ntrusted login address:192.0.2.1 1\n"),
            format!("{body}{}", trusted(16)),
            all.clone(),
        ];
        let lost = [
            format!("vacant\nvacant\n{body}"),
            format!("closed\nvacant\n{body}"),
            format!("vacant 1\n{body}"),
            with("drift 0"),
            with("drift -0"),
            with("drift +1"),
            with("drift 101"),
            with("drift"),
            with("disabled drift 1"),
            with("waiting disabled"),
            with("waiting waiting"),
            format!("resync {OTHER} 1 elsewhere\n{body}"),
            after(&format!("resync {OTHER} never elsewhere")),
            after(&format!("resync {OTHER} 1")),
            format!("{ticket}{body}"),
            format!("{body}{ticket}{ticket}"),
            format!("{body}{0}{0}", temporary("")),
            format!("{body}{}{ticket}", temporary("")),
            format!("{}{body}", temporary("")),
            format!("{body}{}", temporary("").replace(&hash, &hash[1..])),
            format!("{body}{}", temporary("").replace(&salt, &salt[1..])),
            format!("{body}{}", temporary(" ")),
            format!("{body}{}", temporary(" told told")),
            format!("{body}{}", temporary(" told used 1795487400 local:1")),
            format!("{body}{}", temporary(" used")),
            format!("{body}{}", temporary(" used 1795487400")),
            format!("{body}{}", temporary(" used 1795487400 nowhere")),
            format!("{body}{}", temporary(" used 01 local:1")),
            format!("{body}{}", temporary(" used 1795487400 local:1 told")),
            format!("{body}{}", ticket.replace(&hash, &hash[1..])),
            format!("{body}{}", ticket.replace(&salt, &salt[1..])),
            format!("{body}{}", trusted(17)),
            format!("{body}trusted sshd local:1 1\ntrusted sshd local:1 2\n"),
            format!("{body}trusted {} local:1 1\n", "s".repeat(65)),
            format!("{body}trusted s/d local:1 1\n"),
            format!("{body}trusted sshd local:1\n"),
        ];
        let mut records = Records::new(world);
        for (version, expected, bodies) in [
            (2, "whole", &understood[..]),
            (1, "lost", &understood[..]),
            (2, "lost", &lost[..]),
        ] {
            for body in bodies {
                let slots = Slot::both(body).map(|slot| Slot { version, ..slot });
                let _ = records.is(expected, &enrollment, slots, body);
            }
        }
        records.are_read_so();
    });
}

const OTHER: &str = "ffffffffffffffffffffffffffffffff";
