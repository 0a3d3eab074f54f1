//! Everything that changes a record, each with a record to do it on and with what must hold after it, whether it was done
//! or not.

use std::fs;

use nightlatch_core::enrollment::Enrollment;
use nightlatch_tests::{Code, Person, Phone, Run, STORE, Stack, World};

/// Something that changes a record.
#[derive(Clone, Copy)]
pub struct Operation {
    /// Makes the record that it works on.
    pub begin: fn(&mut Case<'_>),
    /// Does it, below the words of another program. `None` when it was killed.
    pub run: fn(&Case<'_>, &[&str]) -> Option<Ended>,
    /// Asserts what holds after it, and that it can be done again.
    pub check: fn(&Case<'_>),
}

/// How it ended by itself.
#[derive(Debug)]
pub enum Ended {
    /// A login.
    Login(Code),
    /// A command.
    Command(Run),
}

pub const LOGIN_BY_CODE: Operation = Operation {
    begin: |case| case.enrolled(),
    run: |case, wrapper| case.knocks(wrapper, &case.code),
    check: |case| case.is_as_before(),
};

pub const LOGIN_BY_BACKUP_CODE: Operation = Operation {
    begin: |case| case.enrolled(),
    run: |case, wrapper| case.knocks(wrapper, &case.person.backup_codes()[1]),
    check: |case| case.is_as_before(),
};

pub const LOGIN_BY_TEMPORARY_CODE: Operation = Operation {
    begin: |case| {
        case.enrolled();
        let made = &["codes", case.name(), "--temporary", "--json"];
        let made = case.world.nightlatch(made).succeeds().json();
        made["temporary_code"]
            .as_str()
            .unwrap()
            .clone_into(&mut case.lent);
    },
    run: |case, wrapper| case.knocks(wrapper, &case.lent),
    check: |case| {
        // At most one more success is in it.
        let tries = case.person.tries().times(2);
        let outcome = tries.answers([&case.lent]).answers([&case.lent]).run();
        let [first, second] = &outcome.logins[..] else {
            panic!("{outcome:#?}")
        };
        assert!(matches!(first.code(), Code::Success | Code::ConvErr));
        assert_eq!(second.code(), Code::ConvErr);
        case.is_as_before();
    },
};

pub const WRONG_CODE: Operation = Operation {
    begin: |case| case.enrolled(),
    run: |case, wrapper| case.knocks(wrapper, &case.person.phone().wrong_code()),
    check: |case| case.is_as_before(),
};

pub const WRONG_BACKUP_CODE: Operation = Operation {
    begin: |case| case.enrolled(),
    run: |case, wrapper| case.knocks(wrapper, "3333-4444-6666-7777-9999"),
    check: |case| case.is_as_before(),
};

/// With the store itself.
pub const FIRST_ENROLLMENT: Operation = Operation {
    begin: |case| {
        let _ = fs::remove_dir_all(STORE);
        case.nobody_yet();
    },
    ..ENROLLMENT
};

/// Of somebody whose state stands alone, with an invitation in it.
pub const ENROLLMENT_OF_THE_INVITED: Operation = Operation {
    begin: |case| {
        (ENROLLMENT.begin)(case);
        case.succeeds(case.commands(&[], &["invite", case.name()]));
    },
    ..ENROLLMENT
};

pub const ENROLLMENT: Operation = Operation {
    begin: |case| {
        // Somebody else is in the store.
        case.enrolls(&[], &[]);
        case.person.is_forgotten();
        case.nobody_yet();
    },
    run: |case, wrapper| case.enrolls(wrapper, &[]),
    check: |case| {
        if let Some(enrollment) = case.whole_enrollment() {
            case.opens_with(&phone_of(&enrollment));
            case.succeeds(case.enrolls(&[], &["--replace"]));
        } else {
            case.succeeds(case.enrolls(&[], &[]));
        }
        case.opens_with(&phone_of(&case.whole_enrollment().expect("enrolled")));
    },
};

pub const REPLACEMENT: Operation = Operation {
    begin: |case| case.enrolled(),
    run: |case, wrapper| case.enrolls(wrapper, &["--replace"]),
    check: |case| {
        let enrollment = case.whole_enrollment().expect("the old one or the new");
        case.opens_with(&phone_of(&enrollment));
        case.succeeds(case.enrolls(&[], &["--replace"]));
        let enrollment = case.whole_enrollment().expect("the new one");
        assert_ne!(Some(&enrollment), case.before.as_ref());
        case.opens_with(&phone_of(&enrollment));
    },
};

pub const RENEWAL: Operation = Operation {
    begin: |case| case.enrolled(),
    run: |case, wrapper| case.commands(wrapper, &["codes", case.name(), "--json"]),
    check: |case| {
        let enrollment = case.whole_enrollment().expect("the old one or the new");
        let phone = phone_of(&enrollment);
        assert_eq!(phone.secret(), case.person.phone().secret());
        if Some(&enrollment) == case.before.as_ref() {
            case.person.gets_in_with(&case.person.backup_codes()[1]);
        }
        case.opens_with(&phone);
        case.succeeds(case.commands(&[], &["codes", case.name(), "--json"]));
        assert_ne!(case.whole_enrollment(), case.before);
    },
};

pub const REMOVAL: Operation = Operation {
    begin: |case| case.enrolled(),
    run: |case, wrapper| case.commands(wrapper, &["remove", case.name(), "--yes"]),
    check: |case| {
        let remove = &["remove", case.name(), "--yes"];
        if let Some(enrollment) = case.whole_enrollment() {
            assert_eq!(Some(&enrollment), case.before.as_ref());
            case.opens_with(case.person.phone());
            case.succeeds(case.commands(&[], remove));
            assert_eq!(case.person.enrollment(), None);
        } else {
            // A state may be left, which is taken away now. Then there is nothing more.
            let _ = case.world.nightlatch(remove);
            let again = case.world.nightlatch(remove).is_refused();
            assert!(again.stderr.contains("not enrolled"), "{again:#?}");
        }
        case.person.is_kept_out_with(&case.used);
        case.succeeds(case.enrolls(&[], &[]));
        case.opens_with(&phone_of(&case.whole_enrollment().expect("enrolled again")));
    },
};

pub const UNLOCKING: Operation = Operation {
    begin: |case| {
        case.enrolled();
        // Five are free, the sixth locks.
        for wrong in case.person.phone().wrong_codes(6).chunks(3) {
            let _ = case.person.tries().answers(wrong).run();
        }
    },
    run: |case, wrapper| case.commands(wrapper, &["unlock", case.name()]),
    check: |case| {
        case.has_its_enrollment_of_before();
        case.succeeds(case.commands(&[], &["unlock", case.name()]));
        case.opens_with(case.person.phone());
    },
};

pub const FRESH_STATE: Operation = Operation {
    begin: |case| {
        case.enrolled();
        for state in case.person.state_files() {
            let length = fs::metadata(&state).unwrap().len();
            fs::write(&state, vec![0; usize::try_from(length).unwrap()]).unwrap();
        }
    },
    run: |case, wrapper| case.commands(wrapper, &["unlock", case.name(), "--fresh-state"]),
    check: |case| {
        case.has_its_enrollment_of_before();
        case.succeeds(case.commands(&[], &["unlock", case.name(), "--fresh-state"]));
        // What could be used when it was made counts as used.
        case.opens_later_with(case.person.phone());
    },
};

/// The host of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// It looks whether the module leaves it as it was.
    Watched,
    /// It does not, since it would not get far if all its calls of one name fail.
    Unwatched,
}

/// What may be doubted after an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubts {
    /// Nothing.
    None,
    /// Whether the codes of now were used: after a write that failed, they count as used.
    CodesOfNow,
}

/// One record, and what is known about it.
pub struct Case<'w> {
    pub world: &'w World,
    pub person: Person<'w>,
    /// A code and a backup code that a login was told yes for.
    pub used: String,
    pub spent: String,
    /// A code that was not used yet.
    pub code: String,
    /// A temporary code.
    pub lent: String,
    /// The enrollment before the operation.
    pub before: Option<String>,
    /// The host of the log-ins under test.
    pub host: Host,
    /// Whether the codes of now must still do after the operation.
    pub doubts: Doubts,
}

impl<'w> Case<'w> {
    pub fn of(world: &'w World) -> Self {
        world.configure("[backup_codes]\ncount = 2\n");
        // The operation itself asks once, so that its answer's code is not lost in what follows.
        let once = "/etc/nightlatch/once.toml";
        let asking_once = "[login]\nprompts = 1\nrefusal_floor = \"0s\"\nfail_delay = \"0s\"\n";
        fs::write(once, asking_once).unwrap();
        world.stack(ONCE, Stack::CodeOnly(&format!("config={once}")));
        Self {
            world,
            person: world.passing_user("alice"),
            used: String::new(),
            spent: String::new(),
            code: String::new(),
            lent: String::new(),
            before: None,
            host: Host::Watched,
            doubts: Doubts::None,
        }
    }

    /// Begins anew. It is always alice, so that the runs are alike.
    pub fn begin(&mut self, operation: &Operation) {
        self.person.is_forgotten();
        self.doubts = Doubts::None;
        (operation.begin)(self);
        self.before = self.person.enrollment();
    }

    fn name(&self) -> &str {
        self.person.name()
    }

    /// Somebody without a record, and codes that none of theirs can be.
    fn nobody_yet(&mut self) {
        "000000".clone_into(&mut self.used);
        "aaaa-aaaa-aaaa-aaaa-aaaa".clone_into(&mut self.spent);
    }

    /// Somebody who got in twice: by the code of the step before this one, and by a backup code.
    fn enrolled(&mut self) {
        self.person.enroll();
        self.person.phone().wait_for_room(3);
        self.used = self.person.phone().code_at(-1);
        self.code = self.person.phone().code_at(0);
        self.spent = self.person.backup_codes()[0].clone();
        let tries = self.person.tries().times(2);
        tries
            .answers([&self.used])
            .answers([&self.spent])
            .run()
            .gives(Code::Success);
    }

    /// What a login by this operation was told yes for does not open again, were it with the state as it is now.
    pub fn is_kept_out_with_what_it_used(&self, login: &Operation) {
        let again = (login.run)(self, &[]);
        assert!(
            matches!(again, Some(Ended::Login(Code::AuthErr))),
            "{again:?}"
        );
    }

    fn knocks(&self, wrapper: &[&str], answer: &str) -> Option<Ended> {
        let tries = self.person.tries().service(ONCE).answers([answer]);
        let tries = match self.host {
            Host::Watched => tries,
            Host::Unwatched => tries.unwatched(),
        };
        let outcome = match wrapper {
            [] => tries.run(),
            _ => tries.run_unless_killed_below(wrapper)?,
        };
        if self.host == Host::Watched {
            outcome.leaves_the_host_alone();
        }
        Some(Ended::Login(outcome.only().code()))
    }

    fn enrolls(&self, wrapper: &[&str], more: &[&str]) -> Option<Ended> {
        let words = [&["enroll", self.name(), "--yes", "--json"], more].concat();
        self.commands(wrapper, &words)
    }

    fn commands(&self, wrapper: &[&str], arguments: &[&str]) -> Option<Ended> {
        let run = match wrapper {
            [] => self.world.nightlatch(arguments),
            _ => self.world.nightlatch_below(wrapper, arguments),
        };
        run.status?;
        Some(Ended::Command(run))
    }

    #[allow(clippy::unused_self, reason = "it reads as a sentence")]
    fn succeeds(&self, ended: Option<Ended>) {
        match ended {
            Some(Ended::Command(run)) => drop(run.succeeds()),
            other => panic!("{other:?}"),
        }
    }

    /// The enrollment, which is whole if it is there, as the command sees it too.
    fn whole_enrollment(&self) -> Option<String> {
        let enrollment = self.person.enrollment()?;
        Enrollment::parse(&enrollment).unwrap();
        let status = self.world.nightlatch(&["status", self.name(), "--json"]);
        assert_eq!(status.succeeds().json()["enrolled"], true);
        Some(enrollment)
    }

    fn has_its_enrollment_of_before(&self) {
        assert!(self.before.is_some());
        assert_eq!(self.whole_enrollment(), self.before);
    }

    fn is_as_before(&self) {
        self.has_its_enrollment_of_before();
        self.opens_with(self.person.phone());
    }

    /// What was used does not open, and the phone's next code does.
    fn opens_with(&self, phone: &Phone) {
        if self.doubts == Doubts::CodesOfNow {
            return self.opens_later_with(phone);
        }
        phone.wait_for_room(2);
        let next = phone.code_at(1);
        let tries = self.person.tries();
        tries
            .answers([&self.used, &self.spent, &next])
            .run()
            .gives(Code::Success)
            .asking(3);
    }

    /// The same where the codes of now may count as used: the phone's code in a while does.
    fn opens_later_with(&self, phone: &Phone) {
        self.person.is_kept_out_with(&self.used);
        self.person.is_kept_out_with(&self.spent);
        let tries = self.person.tries().answers([phone.code_at(3)]);
        tries.clock_off_by(90).run().gives(Code::Success);
    }
}

/// The service that asks once.
const ONCE: &str = "once";

/// An authenticator with the secret of an enrollment.
pub fn phone_of(enrollment: &str) -> Phone {
    let secret = enrollment.split_once("secret = \"base32:").unwrap().1;
    Phone::new(secret.split_once('"').unwrap().0)
}
