//! A person's name, masked wherever it is shown.

use std::fmt;

/// Longest name, in characters.
const MAX: usize = 50;

/// A name as it was given. `Debug` and `Display` show its mask (`张**`, `J***`).
#[derive(Clone, PartialEq, Eq)]
pub struct Name(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 50 characters and no control characters")]
pub struct NameError;

impl Name {
    /// Accepts 1 to 50 characters, white space around them dropped.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        let fits = (1..=MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        fits.then(|| Self(name.to_owned())).ok_or(NameError)
    }

    /// The name in clear. Only sealing and its own person may see it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What a guard may see: the first character, which in Chinese is the family name, and a star for each other one, three
    /// at most.
    pub fn masked(&self) -> String {
        let mut chars = self.0.chars();
        let first: String = chars.next().into_iter().collect();
        let stars = chars.count().clamp(1, 3);
        first + &"*".repeat(stars)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_its_first_character_only() {
        let masked = |text| Name::parse(text).expect("a name").masked();
        assert_eq!(
            [masked("张三"), masked("欧阳娜娜"), masked("李"), masked("John Smith")],
            ["张*", "欧***", "李*", "J***"]
        );
        assert_eq!(format!("{:?} {0}", Name::parse(" 张三 ").expect("a name")), "Name(张*) 张*");
        assert!(["", "  ", "a\nb", &"x".repeat(51)].iter().all(|text| Name::parse(text).is_err()));
    }
}
