//! Enrolling inside a login, by the programs that people log in with: what each of them makes of the prompt that shows the
//! picture, on real terminals, against the real sshd.

#![allow(clippy::unwrap_used, reason = "to panic is how a test reports")]

use nightlatch_core::account::UserName;
use nightlatch_core::id::Id;
use nightlatch_core::messages;
use nightlatch_core::offer::{self, QrForm};
use nightlatch_core::token::{Algorithm, Digits, Kind, Label, Period, Secret, Token};
use nightlatch_tests::{
    Background, Caller, Phone, Program, Stack, Terminal, Window, World, oathtool, pyotp_scanning,
    sandboxed,
};

#[test]
fn openssh_shows_a_picture_that_a_camera_reads() {
    sandboxed(|world| {
        for window in [Window::SMALL, Window::LARGE] {
            enrolls_at_login(world, Program::OpenSsh, window, QrForm::Utf8, by_picture);
        }
    });
}

#[test]
fn plink_shows_a_picture_that_a_camera_reads() {
    sandboxed(|world| {
        for window in [Window::SMALL, Window::LARGE] {
            enrolls_at_login(world, Program::Plink, window, QrForm::Utf8, by_picture);
        }
    });
}

#[test]
fn programs_get_a_picture_that_a_camera_reads() {
    sandboxed(|world| {
        for program in [Program::Paramiko, Program::AsyncSsh] {
            for window in [Window::SMALL, Window::LARGE] {
                enrolls_at_login(world, program, window, QrForm::Utf8, by_picture);
            }
        }
    });
}

#[test]
fn in_locale_c_the_picture_is_lost_and_the_key_is_read() {
    sandboxed(|world| {
        let window = Window::SMALL.in_locale_c();
        for (program, what_comes_of_blocks) in [
            // It writes the bytes of what the locale does not know as octal numbers, and what is on the screen is the end of it.
            (Program::OpenSsh, "\\342\\226\\210"),
            // It leaves them out.
            (Program::Plink, "\n| \r\n"),
        ] {
            let caller = enrolls_at_login(world, program, window, QrForm::Utf8, by_key);
            let shown = caller.transcript();
            assert!(shown.is_ascii(), "{shown}");
            assert!(shown.contains(what_comes_of_blocks), "{shown}");
        }
    });
}

#[test]
fn in_locale_c_number_signs_are_a_picture_that_a_camera_reads_on_a_terminal_with_room_for_them() {
    sandboxed(|world| {
        let window = Window::utf8(80, 40).in_locale_c();
        for program in [Program::OpenSsh, Program::Plink] {
            enrolls_at_login(world, program, window, QrForm::Ascii, by_picture);
            enrolls_at_login(
                world,
                program,
                Window::LARGE.in_locale_c(),
                QrForm::Ascii,
                by_picture,
            );
        }
    });
}

#[test]
fn without_a_picture_the_key_is_enough_everywhere() {
    sandboxed(|world| {
        for program in Program::ALL {
            let window = Window::SMALL.in_locale_c();
            enrolls_at_login(world, program, window, QrForm::None, by_key);
        }
    });
}

#[test]
fn after_a_mistyped_code_the_key_is_still_there() {
    sandboxed(|world| {
        for program in Program::ALL {
            let mut caller = begins(world, program, Window::SMALL, QrForm::Utf8);
            let wrong = by_key(&caller).wrong_code();
            caller.answers(&wrong).is_asked(messages::PROOF);
            let phone = by_key(&caller);
            proves(&mut caller, &phone);
        }
    });
}

#[test]
fn a_wrong_code_lets_nobody_in() {
    sandboxed(|world| {
        for program in Program::ALL {
            let mut caller = begins(world, program, Window::SMALL, QrForm::None);
            let [one, two, three] = &by_key(&caller).wrong_codes(3)[..] else {
                unreachable!("three were asked for")
            };
            caller.answers(one).is_asked(messages::PROOF);
            caller.answers(two).is_asked(messages::PROOF);
            caller.answers(three).is_turned_away();
        }
    });
}

#[test]
fn a_camera_reads_the_picture_of_every_token_and_authenticators_take_what_it_says() {
    sandboxed(|_| {
        // Whatever is left out of a long name, the token comes whole.
        let names = [
            ("server1", "alice"),
            ("server1.example.org", "alice.smith"),
            ("server1.example.org", "alice.smith-"),
            (
                "cluster-7.compute.example.org",
                "christopher.montgomery-smith",
            ),
            ("ACME & Söhne", "élodie@example.org"),
            ("Ğ", &"x".repeat(200)),
        ];
        for (issuer, account) in names {
            for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
                for (digits, period) in [(6, 30), (8, 60)] {
                    let token = Token {
                        digits: Digits::try_from(digits).unwrap(),
                        kind: Kind::Totp {
                            period: Period::try_from(period).unwrap(),
                        },
                        ..token(algorithm)
                    };
                    is_read(&token, issuer, account, QrForm::Utf8);
                    if (algorithm, digits) == (Algorithm::Sha1, 6) {
                        is_read(&token, issuer, account, QrForm::Ascii);
                    }
                }
            }
        }
    });
}

/// Somebody logs in with that program, is shown what enrolls them, proves it, is shown backup codes and is let in.
fn enrolls_at_login(
    world: &World,
    program: Program,
    window: Window,
    form: QrForm,
    scan: fn(&Caller) -> Phone,
) -> Caller {
    let mut caller = begins(world, program, window, form);
    let phone = scan(&caller);
    proves(&mut caller, &phone);
    caller
}

/// Somebody new logs in with that program and is shown what enrolls them.
fn begins(world: &World, program: Program, window: Window, form: QrForm) -> Caller {
    let name = format!("{program:?}-{}", window.columns).to_ascii_lowercase();
    enrollment_at_login(world, form);
    let mut caller = world.user(&name).logs_in_with(program, window);
    caller.is_asked(messages::PROOF);
    caller
}

/// Sets sshd up so that whoever is not enrolled is shown what enrolls them after their password.
fn enrollment_at_login(world: &World, form: QrForm) {
    let form = match form {
        QrForm::Utf8 => "utf8",
        QrForm::Ascii => "ascii",
        QrForm::None => "none",
    };
    world.configure(&format!(
        "[enrollment]\nmode = \"at-login\"\n[at_login]\nopen = true\nqr = \"{form}\"\n[token]\nissuer = \"nightlatch\"\n"
    ));
    world.host_stack("sshd", Stack::PasswordAndCode);
    world.make_store();
}

/// Gives a code, sees ten backup codes, says that they are kept, and is in.
fn proves(caller: &mut Caller, phone: &Phone) {
    caller.answers(&phone.code()).is_asked(messages::KEPT);
    let screen = caller.screen().text();
    assert!(screen.contains(messages::BACKUP_CODES), "{screen}");
    assert_eq!(caller.backup_codes().len(), 10, "{screen}");
    caller.answers("").is_let_in();
}

/// The phone of somebody who holds its camera to the screen.
fn by_picture(caller: &Caller) -> Phone {
    let screen = caller.screen();
    let uri = screen.qr_code(Background::Dark);
    let phone = Phone::scanning(&uri.unwrap_or_else(|| panic!("unreadable:\n{}", screen.text())));
    assert_eq!(by_key(caller).secret(), phone.secret());
    phone
}

/// The phone of somebody who types the key that is on the screen.
fn by_key(caller: &Caller) -> Phone {
    caller.phone_by_key()
}

/// Asserts that what is offered is read off a terminal, and is the token.
fn is_read(token: &Token, issuer: &str, account: &str, form: QrForm) {
    let text = offer::offer(token, issuer, &UserName::parse(account).unwrap(), form);
    let is_large = form == QrForm::Ascii || token.algorithm == Algorithm::Sha512;
    let rows = if is_large { 50 } else { 24 };
    let mut terminal = Terminal::sized(80, rows, "printf", &["%s", &text], &[]);
    assert!(terminal.ended().success());
    let screen = terminal.screen();
    let uri = screen.qr_code(Background::Dark);
    let uri = uri.unwrap_or_else(|| panic!("unreadable:\n{}", screen.text()));

    let phone = Phone::scanning(&uri);
    assert_eq!(phone.secret(), *token.secret.to_base32());
    let shape = phone.shape();
    assert_eq!(shape.algorithm.to_string(), token.algorithm.as_str());
    assert_eq!(shape.digits, token.digits.get());
    assert_eq!(Some(shape.period), token.period().map(Period::seconds));

    let [code, shown_issuer, shown_account] = pyotp_scanning(&uri, 1_795_487_400);
    assert_eq!(code, oathtool(phone.secret(), shape, 1_795_487_400));
    assert!(issuer.starts_with(&shown_issuer), "{uri}");
    assert!(account.starts_with(&shown_account), "{uri}");
}

fn token(algorithm: Algorithm) -> Token {
    Token {
        id: Id::new().unwrap(),
        label: Label::parse("phone").unwrap(),
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        secret: Secret::generate(algorithm).unwrap(),
        algorithm,
        digits: Digits::SIX,
    }
}
