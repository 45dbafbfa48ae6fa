//! What fits the fields of a subscribe message (WeChat's limits of each kind of keyword). What is too long is cut here; a
//! value of the wrong kind is WeChat's to refuse (47003).

/// `value` as it fits a field such as `thing1`.
pub(super) fn fitted(field: &str, value: &str) -> String {
    let plain: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = plain.trim();
    match field.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "thing" => cut(text, 20, "…"),
        "character_string" | "letter" | "number" => cut(text, 32, ""),
        "symbol" | "phrase" => cut(text, 5, ""),
        "name" if text.is_ascii() => cut(text, 20, ""),
        "name" => cut(text, 10, ""),
        "phone_number" => cut(text, 17, ""),
        "car_number" => cut(text, 8, ""),
        // Times, dates, amounts and enumerations have a form of their own.
        _ => text.to_owned(),
    }
}

/// At most `most` characters, of which the last are `sign` where something was left out.
fn cut(text: &str, most: usize, sign: &str) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - sign.chars().count()).collect();
    kept.trim_end().to_owned() + sign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_to_their_kind() {
        let place = "昆明市五华区翠湖公园东门便民综合超市一层入口";
        assert_eq!(place.chars().count(), 22);
        for (field, value, fits) in [
            ("thing1", place, "昆明市五华区翠湖公园东门便民综合超市一…"),
            ("thing12", &place[..60], &place[..60]),
            ("thing1", " 翠湖\n超市 ", "翠湖 超市"),
            ("time2", "2020年2月12日 15:01", "2020年2月12日 15:01"),
            ("phrase3", "居家隔离观察", "居家隔离观"),
            ("name1", "一二三四五六七八九十甲", "一二三四五六七八九十"),
            ("name1", "Abcdefghijklmnopqrstuvw", "Abcdefghijklmnopqrst"),
            ("car_number1", "云A123456789", "云A123456"),
            ("phone_number1", "+8613800138000", "+8613800138000"),
        ] {
            assert_eq!(fitted(field, value), fits, "{field}");
        }
        assert_eq!(fitted("thing1", place).chars().count(), 20);
        assert_eq!(fitted("character_string1", &"x".repeat(40)).len(), 32);
    }
}
