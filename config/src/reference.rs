//! The reference of all settings, `docs/configuration.md`, made from the comments of `default.toml`.
//!
//! The file that is compiled in is the one place where a key, its default and its meaning stand; this turns it into a
//! page. It is read line by line: a comment belongs to the key or heading right below it, a key without a comment shares
//! that of the key right above it, and an empty line ends both.

use std::fmt::Write;

/// One heading of the file and what stands below it.
#[derive(Default)]
struct Section<'a> {
    title: &'a str,
    about: String,
    keys: Vec<Key<'a>>,
}

struct Key<'a> {
    name: &'a str,
    default: &'a str,
    meaning: Meaning,
}

enum Meaning {
    Told(String),
    AsAbove,
    Untold,
}

/// What has been read of the file.
#[derive(Default)]
struct Reader<'a> {
    intro: Vec<&'a str>,
    sections: Vec<Section<'a>>,
    comments: Vec<&'a str>,
    /// Whether the line before was a key with a meaning of its own or a shared one.
    below_a_meaning: bool,
}

/// The page as Markdown.
pub fn markdown(default_toml: &str) -> String {
    let mut reader = Reader { sections: vec![Section::default()], ..Reader::default() };
    for line in default_toml.lines().map(str::trim) {
        reader.line(line);
    }
    let mut out = head(&reader.intro);
    let mut lists: Vec<&str> = Vec::new();
    for section in &reader.sections {
        match section.title.strip_prefix("[[") {
            Some(_) if lists.contains(&section.title) => entry(&mut out, section),
            Some(_) => {
                lists.push(section.title);
                heading(&mut out, section);
                row(&mut out, section.keys.iter().map(|k| code(k.name)));
                row(&mut out, section.keys.iter().map(|_| "---".to_owned()));
                entry(&mut out, section);
            }
            None => table(&mut out, section),
        }
    }
    out
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a str) {
        if let Some(comment) = line.strip_prefix('#') {
            self.comments.push(comment.strip_prefix(' ').unwrap_or(comment));
        } else if line.is_empty() {
            let comments = std::mem::take(&mut self.comments);
            if self.intro.is_empty() {
                self.intro = comments;
            }
            self.below_a_meaning = false;
        } else if line.starts_with('[') {
            let about = self.comments.join(" ");
            self.sections.push(Section { title: line, about, keys: Vec::new() });
            self.comments.clear();
            self.below_a_meaning = false;
        } else if let Some((name, default)) = line.split_once('=') {
            let meaning = self.meaning();
            if let Some(section) = self.sections.last_mut() {
                section.keys.push(Key { name: name.trim(), default: default.trim(), meaning });
            }
        }
    }

    fn meaning(&mut self) -> Meaning {
        if !self.comments.is_empty() {
            self.below_a_meaning = true;
            return Meaning::Told(std::mem::take(&mut self.comments).join(" "));
        }
        if self.below_a_meaning { Meaning::AsAbove } else { Meaning::Untold }
    }
}

fn head(intro: &[&str]) -> String {
    format!(
        "# Settings\n\n<!-- Made from config/default.toml. Change that file, then run\n     UPDATE_DOCS=1 cargo nextest run --workspace -E 'test(the_page_is_up_to_date)' -->\n\n```text\n{}\n```\n\nA list of gateways, `[[gateways]]`, has no default; its keys stand in [gateways.md](gateways.md). The settings are\nchecked against each other at start: what is dangerous is refused with the setting, its value and the reason.\n",
        intro.join("\n")
    )
}

fn heading(out: &mut String, section: &Section<'_>) {
    let title = if section.title.is_empty() { "At the top".to_owned() } else { code(section.title) };
    let about = if section.about.is_empty() { String::new() } else { format!("{}\n\n", section.about) };
    // Writing to a string does not fail.
    let _ = write!(out, "\n## {title}\n\n{about}");
}

fn table(out: &mut String, section: &Section<'_>) {
    if section.keys.is_empty() {
        return;
    }
    heading(out, section);
    let told = section.keys.iter().any(|k| !matches!(k.meaning, Meaning::Untold));
    let columns = if told { 3 } else { 2 };
    row(out, ["key", "default", "meaning"].into_iter().take(columns).map(str::to_owned));
    row(out, (0..columns).map(|_| "---".to_owned()));
    for key in &section.keys {
        let meaning = match &key.meaning {
            Meaning::Told(text) => escaped(text),
            Meaning::AsAbove => "as above".to_owned(),
            Meaning::Untold => String::new(),
        };
        row(out, [code(key.name), code(key.default), meaning].into_iter().take(columns));
    }
}

/// One entry of a list of tables: its values.
fn entry(out: &mut String, section: &Section<'_>) {
    row(out, section.keys.iter().map(|k| escaped(k.default.trim_matches('"'))));
}

fn row(out: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn code(text: &str) -> String {
    format!("`{}`", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn comments_go_to_the_key_below_and_are_shared_until_an_empty_line() {
        let text = "# Head.\n\n# Top.\na = 1\n\n# About x.\n[x]\n# B and\n# c.\nb = \"y|z\"\nc = []\n\nd = 0\n\n# Many.\n[[t]]\nid = \"i\"\n\n[[t]]\nid = \"j\"\n";
        let page = markdown(text);
        for line in [
            "Head.",
            "| `a` | `1` | Top. |",
            "## `[x]`\n\nAbout x.\n",
            "| `b` | `\"y\\|z\"` | B and c. |\n| `c` | `[]` | as above |\n| `d` | `0` |  |",
            "## `[[t]]`\n\nMany.\n\n| `id` |\n| --- |\n| i |\n| j |\n",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }

    #[test]
    fn the_page_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
        let page = markdown(crate::DEFAULT_TOML);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &page).expect("written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == page, "docs/configuration.md differs from default.toml: run with UPDATE_DOCS=1");
    }

    #[test]
    fn every_key_of_the_defaults_stands_in_the_page() {
        let page = markdown(crate::DEFAULT_TOML);
        let all: toml::Table = toml::from_str(crate::DEFAULT_TOML).expect("parses");
        for (section, value) in all.iter().filter_map(|(k, v)| v.as_table().map(|t| (k, t))) {
            assert!(page.contains(&format!("## `[{section}]`")), "{section}");
            for (key, value) in value {
                let (heading, row) = (format!("## `[{section}.{key}]`"), format!("| `{key}` |"));
                assert!(page.contains(&row) || page.contains(&heading), "{section}.{key}");
                let inner = value.as_table().filter(|_| page.contains(&heading));
                for key in inner.into_iter().flat_map(toml::Table::keys) {
                    assert!(page.contains(&format!("| `{key}` |")), "{section}..{key}");
                }
            }
        }
    }

    #[test]
    fn the_sample_of_production_is_accepted() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy/production.toml");
        let settings = crate::load_with(Some(&path), Vec::new()).expect("loads");
        let refusals: Vec<String> = crate::check::check(&settings).iter().map(ToString::to_string).collect();
        assert!(settings.production() && refusals.is_empty(), "{refusals:?}");
    }
}
