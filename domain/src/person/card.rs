//! Cards of other offices that people link with their health code.

crate::macros::words! {
    CardKind {
        /// Electronic health card.
        EHealth = "e_health",
        /// Social-security card.
        SocialSecurity = "social_security",
    }
}

/// A reference as a screen may show it: its last four characters, fewer of a short one.
pub fn masked(reference: &str) -> String {
    let chars: Vec<char> = reference.chars().collect();
    let shown = (chars.len() / 3).min(4);
    format!("****{}", chars[chars.len() - shown..].iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn little_of_a_reference_is_shown() {
        for (reference, expected) in
            [("", "****"), ("12", "****"), ("123456", "****56"), ("EHC-2020-000017", "****0017")]
        {
            assert_eq!(masked(reference), expected);
        }
    }
}
