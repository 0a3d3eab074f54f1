//! Recipes: what the documentation tells an administrator to write into Debian's files, read from the pages themselves, so that
//! what is tested is what people are told.
//!
//! A recipe is a fenced block whose first line is `# FILE`. In `sshd_config` each of its lines takes the place of the line with
//! the same keyword, commented out or not. In a file of `/etc/pam.d` a recipe is groups with a blank line between; a group begins
//! with a line that is Debian's, perhaps commented out, and takes its place.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::Run;
use crate::ssh;
use crate::world::World;

/// A page of the documentation.
#[derive(Debug, Clone, Copy)]
pub struct Page(&'static str);

/// Lines for a file of the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    file: String,
    lines: Vec<&'static str>,
}

impl Page {
    /// `README.md`
    pub const README: Self = Self(include_str!("../../README.md"));

    /// `docs/pam.md`
    pub const PAM: Self = Self(include_str!("../../docs/pam.md"));

    /// `docs/emergency.md`
    pub const EMERGENCY: Self = Self(include_str!("../../docs/emergency.md"));

    /// `docs/upkeep.md`
    pub const UPKEEP: Self = Self(include_str!("../../docs/upkeep.md"));

    /// The headings below the page's title, of whatever rank.
    pub fn headings(self) -> Vec<&'static str> {
        self.sections()
            .into_iter()
            .map(|(heading, _)| heading)
            .collect()
    }

    /// What stands below a heading, up to the next one.
    pub fn section(self, heading: &str) -> &'static str {
        let mut sections = self.sections().into_iter();
        let found = sections.find_map(|(name, text)| (name == heading).then_some(text));
        found.unwrap_or_else(|| panic!("the page has no section {heading:?}"))
    }

    fn sections(self) -> Vec<(&'static str, &'static str)> {
        let (mut at, mut is_fenced) = (0, false);
        // Where each begins and ends, its heading included.
        let mut begins = Vec::new();
        for line in self.0.split_inclusive('\n') {
            is_fenced ^= line.starts_with("```");
            if !is_fenced && line.starts_with("##") {
                begins.push(at);
            }
            at += line.len();
        }
        let ends = begins.iter().copied().skip(1).chain([self.0.len()]);
        let whole = begins
            .iter()
            .zip(ends)
            .map(|(&begin, end)| &self.0[begin..end]);
        whole
            .map(|section| section.split_once('\n').unwrap_or((section, "")))
            .map(|(heading, text)| (heading.trim_start_matches('#').trim(), text))
            .collect()
    }

    /// The recipe for `file` that comes first after `words` (a heading, say).
    pub fn recipe(self, words: &str, file: &str) -> Recipe {
        let title = format!("# {file}");
        let mut lines = self.block(words, |first| first == title);
        lines.remove(0);
        Recipe {
            file: file.to_owned(),
            lines,
        }
    }

    /// The first block after `words` that shows `$ sudo PROGRAM …`: the command without sudo, and what it prints.
    pub fn transcript(self, words: &str, program: &str) -> (String, Vec<&'static str>) {
        let prompt = "$ sudo ";
        let mut lines = self.block(words, |first| {
            first
                .strip_prefix(prompt)
                .is_some_and(|command| first_word(command) == program)
        });
        let command = lines.remove(0);
        (command[prompt.len()..].to_owned(), lines)
    }

    /// The lines, without the page's indentation, of the first fenced block after `words` that begins like this.
    fn block(self, words: &str, begins: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let (_, after) = self
            .0
            .split_once(words)
            .unwrap_or_else(|| panic!("the page does not say {words:?}"));
        // What stands between two fences is every second part; the first line of a part is what follows the fence.
        after
            .split("```")
            .skip(1)
            .step_by(2)
            .map(|block| block.trim_end().lines().skip(1).map(str::trim).collect())
            .find(|lines: &Vec<_>| lines.first().is_some_and(|first| begins(first)))
            .unwrap_or_else(|| panic!("after {words:?} there is no such block"))
    }
}

impl Recipe {
    /// The same lines for another file of the same kind.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ..self
        }
    }

    /// The same without the line of that keyword.
    #[must_use]
    pub fn without(mut self, keyword: &str) -> Self {
        let before = self.lines.len();
        self.lines.retain(|line| first_word(line) != keyword);
        assert_eq!(self.lines.len() + 1, before, "one line says {keyword}");
        self
    }

    /// The lines.
    pub fn lines(&self) -> &[&'static str] {
        &self.lines
    }

    fn in_sshd_config(&self) -> Vec<String> {
        let mut text = read(DEBIANS_SSHD_CONFIG);
        for new in &self.lines {
            let keyword = format!("{} ", first_word(new));
            let places: Vec<_> = (0..text.len())
                .filter(|&place| text[place].trim_start_matches('#').starts_with(&keyword))
                .collect();
            match places[..] {
                [] => text.push((*new).to_owned()),
                [place] => (*new).clone_into(&mut text[place]),
                _ => panic!("Debian's sshd_config says {keyword} more than once"),
            }
        }
        text
    }

    fn in_pam_file(&self) -> Vec<String> {
        let mut text = read(&self.file);
        for group in self.lines.split(|line| line.is_empty()) {
            let debians = group[0].trim_start_matches(['#', ' ']);
            let places: Vec<_> = (0..text.len())
                .filter(|&place| text[place].trim() == debians)
                .collect();
            let [place] = places[..] else {
                panic!(
                    "{} is not Debian's: it says {debians:?} {} times",
                    self.file,
                    places.len()
                )
            };
            text.splice(place..=place, group.iter().map(|&line| line.to_owned()));
        }
        text
    }
}

impl World {
    /// Does what a recipe says to Debian's file. What the machine's administrator had set for sshd does not count.
    pub fn follow(&self, recipe: &Recipe) {
        if recipe.file == SSHD_CONFIG {
            let _ = fs::remove_dir_all(DROP_INS);
            fs::create_dir(DROP_INS).expect("/etc is ours");
            write(SSHD_CONFIG, &recipe.in_sshd_config());
        } else {
            write(&recipe.file, &recipe.in_pam_file());
        }
    }

    /// Adds lines at the end of `sshd_config`.
    pub fn add_to_sshd_config(&self, lines: &[&str]) {
        let mut text = read(SSHD_CONFIG);
        text.extend(lines.iter().map(|&line| line.to_owned()));
        write(SSHD_CONFIG, &text);
    }

    /// Writes a file that `sshd_config` includes.
    pub fn add_sshd_drop_in(&self, name: &str, line: &str) {
        write(Path::new(DROP_INS).join(name), &[line.to_owned()]);
    }

    /// Runs a line of the documentation in a shell, as root.
    pub fn shell(&self, line: &str) -> Run {
        Run::of(Command::new("sh").args(["-c", line]), "")
    }

    /// Starts sshd with `/etc/ssh/sshd_config` as it is now.
    pub fn start_sshd_as_configured(&self) {
        self.run_sshd(|| ssh::start_with(SSHD_CONFIG, &[]));
    }
}

/// The file's lines.
fn read(file: &str) -> Vec<String> {
    fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{file}: {error}"))
        .lines()
        .map(str::to_owned)
        .collect()
}

fn write(file: impl AsRef<Path>, lines: &[String]) {
    fs::write(file, lines.join("\n") + "\n").expect("/etc is ours");
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

/// What sshd reads.
const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";

/// What it includes first.
const DROP_INS: &str = "/etc/ssh/sshd_config.d";

/// What the package openssh-server puts there.
const DEBIANS_SSHD_CONFIG: &str = "/usr/share/openssh/sshd_config";

#[cfg(test)]
mod tests {
    use super::Page;

    const PAGE: Page = Page(
        "```\n# /etc/a\nbefore\n```\n## Here\n   ```\n   # /etc/b\n   other\n   ```\nor\n   ```conf\n   # /etc/a\n   \
         one 1\n\n   two 2\n   ```\n```\n$ sudo says hello\nhello\n```\n",
    );

    #[test]
    fn a_section_is_what_stands_below_its_heading_up_to_the_next_one() {
        let page = Page("# A\nwords\n## B\n```\n## no heading\n```\n### C\nc\n## D\n");
        assert_eq!(page.headings(), ["B", "C", "D"]);
        assert_eq!(page.section("B"), "```\n## no heading\n```\n");
        assert_eq!((page.section("C"), page.section("D")), ("c\n", ""));
    }

    #[test]
    fn a_recipe_is_the_block_for_its_file_after_the_words() {
        let recipe = PAGE.recipe("## Here", "/etc/a");
        assert_eq!(recipe.lines, ["one 1", "", "two 2"]);
        assert_eq!(recipe.without("one").lines, ["", "two 2"]);
    }

    #[test]
    fn a_transcript_is_a_command_and_what_it_prints() {
        let (command, output) = PAGE.transcript("## Here", "says");
        assert_eq!(
            (command.as_str(), &output[..]),
            ("says hello", &["hello"][..])
        );
    }
}
