//! Whom `list` shows, and in which order.

use std::cmp::Ordering;

use nightlatch_core::time::Time;

use crate::cli::{self, SortBy};
use crate::summary::Summary;

/// Whether somebody is one of those that were asked for. Groups are looked at elsewhere: they take the host.
pub fn is_chosen(summary: &Summary, arguments: &cli::List, now: Time) -> bool {
    let holds = |is_asked: bool, condition: &dyn Fn() -> bool| !is_asked || condition();
    let used = summary.seen.used;
    holds(arguments.no_codes, &|| {
        summary.enrolled && summary.codes_left() == 0
    }) && holds(arguments.locked, &|| summary.is_shut_somewhere())
        && holds(arguments.never_used, &|| {
            summary.enrolled && summary.is_never_used()
        })
        && arguments
            .unused_for
            .is_none_or(|span| summary.enrolled && used.is_none_or(|used| used < span.before(now)))
        && holds(arguments.short_secret, &|| {
            summary.tokens.iter().any(|token| token.short_secret)
        })
}

/// Who comes first. Names decide where nothing else does, and stay in their order also the other way round.
pub fn order(one: &Summary, other: &Summary, arguments: &cli::List) -> Ordering {
    let by_name = one.user.cmp(&other.user);
    let by_what = match arguments.sort {
        SortBy::User => by_name,
        SortBy::Created => one.seen.enrolled.cmp(&other.seen.enrolled),
        SortBy::LastUsed => one.seen.used.cmp(&other.seen.used),
        SortBy::Codes => one.codes_left().cmp(&other.codes_left()),
    };
    let by_what = if arguments.reverse {
        by_what.reverse()
    } else {
        by_what
    };
    by_what.then(by_name)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use nightlatch_core::account::UserName;
    use nightlatch_core::check::Rules;
    use nightlatch_core::config::Config;
    use nightlatch_core::store::Record;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::person::Person;
    use crate::summary::Seen;

    const NOW: Time = Time::from_unix(1_795_487_400);
    const DAY: u64 = 86_400;

    /// Somebody who is enrolled and used it so many days ago, if ever.
    fn somebody(user: &str, days_ago: Option<u64>) -> Summary {
        let person = Person {
            name: UserName::parse(user).unwrap(),
            uid: Some(1000),
        };
        let rules: Rules = Config::default().rules();
        let last = days_ago.map(|days| Time::from_unix(NOW.unix() - days * DAY));
        Summary {
            enrolled: true,
            seen: Seen {
                enrolled: Some(Time::from_unix(0)),
                used: last,
            },
            ..Summary::of(&person, &Record::default(), &rules, NOW)
        }
    }

    fn typed(arguments: &[&str]) -> cli::List {
        let all = [&["nightlatch", "list"], arguments].concat();
        match Cli::try_parse_from(all).unwrap().command {
            Command::List(list) => list,
            other => panic!("{other:?}"),
        }
    }

    fn chosen<'s>(people: &'s [Summary], arguments: &[&str]) -> Vec<&'s str> {
        let arguments = typed(arguments);
        let mut chosen: Vec<&Summary> = people
            .iter()
            .filter(|one| is_chosen(one, &arguments, NOW))
            .collect();
        chosen.sort_by(|one, other| order(one, other, &arguments));
        chosen.iter().map(|one| one.user.as_str()).collect()
    }

    #[test]
    fn of_several_conditions_all_hold() {
        let invited = Summary {
            enrolled: false,
            ..somebody("ann", None)
        };
        let locked = Summary {
            locked: true,
            ..somebody("bob", Some(100))
        };
        let people = [
            invited,
            locked,
            somebody("cy", None),
            somebody("di", Some(5)),
        ];
        for (arguments, who) in [
            (&[][..], &["ann", "bob", "cy", "di"][..]),
            (&["--no-codes"], &["bob", "cy", "di"]),
            (&["--locked"], &["bob"]),
            (&["--never-used"], &["cy"]),
            (&["--unused-for", "90d"], &["bob", "cy"]),
            (&["--unused-for", "90d", "--locked"], &["bob"]),
            (&["--never-used", "--locked"], &[]),
            (&["--short-secret"], &[]),
        ] {
            assert_eq!(chosen(&people, arguments), who, "{arguments:?}");
        }
    }

    #[test]
    fn names_decide_where_nothing_else_does_and_stay_in_order_the_other_way_round() {
        let people = [
            somebody("di", Some(5)),
            somebody("bob", Some(5)),
            somebody("cy", None),
            somebody("ann", Some(9)),
        ];
        for (arguments, who) in [
            (&[][..], ["ann", "bob", "cy", "di"]),
            (&["--reverse"], ["di", "cy", "bob", "ann"]),
            (&["--sort", "last-used"], ["cy", "ann", "bob", "di"]),
            (
                &["--sort", "last-used", "--reverse"],
                ["bob", "di", "ann", "cy"],
            ),
            (&["--sort", "codes"], ["ann", "bob", "cy", "di"]),
            (&["--sort", "created"], ["ann", "bob", "cy", "di"]),
        ] {
            assert_eq!(chosen(&people, arguments), who, "{arguments:?}");
        }
    }
}
