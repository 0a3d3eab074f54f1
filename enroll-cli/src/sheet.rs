//! Backup codes as people get them: once, on a sheet of their own.

use nightlatch_core::backup_codes::BackupCode;
use zeroize::Zeroizing;

use crate::screen::shown;

/// The codes, one a line, and what they are for.
pub fn of(codes: &[BackupCode], user: &str) -> Zeroizing<String> {
    let grouped: Vec<Zeroizing<String>> = codes.iter().map(BackupCode::grouped).collect();
    let head = format!(
        "\nBackup codes for {}. Each opens the door once when the authenticator is lost:\n\n",
        shown(user)
    );
    let room = grouped.iter().map(|code| code.len() + 5).sum::<usize>();
    // Room for all of it at once: a buffer that grows leaves copies of secrets behind.
    let mut sheet = Zeroizing::new(String::with_capacity(head.len() + room + FOOT.len()));
    sheet.push_str(&head);
    for code in &grouped {
        sheet.push_str("    ");
        sheet.push_str(code);
        sheet.push('\n');
    }
    sheet.push_str(FOOT);
    sheet
}

const FOOT: &str = "\nThey are shown this once. Write them down or print them, and keep them offline, away from the phone.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_line_of_its_own_and_the_sheet_fits_its_room() {
        let code = BackupCode::parse("34679CFHJKMRTWXY3467").unwrap();
        let sheet = of(&[code.clone(), code], "alice");
        let lines = sheet
            .lines()
            .filter(|line| *line == "    3467-9CFH-JKMR-TWXY-3467");
        assert_eq!(lines.count(), 2);
        assert_eq!(sheet.len(), sheet.capacity());
    }
}
