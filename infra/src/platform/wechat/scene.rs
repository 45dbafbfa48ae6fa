//! What a mini-program code says to the page it opens.

use mashang_domain::venue::Direction;

/// WeChat's bound for `scene`, in characters.
pub const LONGEST: usize = 32;

/// The `scene` of a venue's code: `{token}/{direction}`, the end of the link that our own QR holds. `None` for a token that
/// WeChat would not take.
pub fn scene(token: &str, direction: Direction) -> Option<String> {
    let scene = format!("{token}/{}", direction.as_str());
    let fits = scene.len() <= LONGEST && !token.is_empty() && scene.bytes().all(is_allowed);
    fits.then_some(scene)
}

const fn is_allowed(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'/'
                | b':'
                | b';'
                | b'='
                | b'?'
                | b'@'
                | b'-'
                | b'.'
                | b'_'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use mashang_domain::time::Timestamp;
    use mashang_domain::venue::code;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_printed_code_fits(number in 0..i64::MAX, version in 0..16u8, key: [u8; 32]) {
            for direction in [Direction::In, Direction::Out] {
                let token = code::printed(number, version, &key);
                let said = scene(&token, direction);
                let expected = format!("{token}/{direction}");
                prop_assert!(expected.len() <= LONGEST);
                prop_assert_eq!(said, Some(expected));
                let shown = code::on_screen(number, version, &key, Timestamp(1_581_436_800_000));
                prop_assert!(scene(&shown, direction).is_some());
            }
        }
    }

    #[test]
    fn what_wechat_refuses_is_not_asked_for() {
        let long = "A".repeat(30);
        for token in ["", "A%20", "号", "A B", long.as_str()] {
            assert_eq!(scene(token, Direction::In), None, "{token}");
        }
        assert_eq!(scene(&"A".repeat(29), Direction::In), Some(format!("{}/in", "A".repeat(29))));
    }
}
