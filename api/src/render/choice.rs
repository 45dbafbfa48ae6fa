//! The forms a poster comes in: closed lists of words, the same in a query string, in a file name and in the API.

use mashang_domain::UnknownWord;

macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every choice, in the order in which people are offered them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The stable word.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word { $($word => Ok($name::$variant),)+ _ => Err(UnknownWord(word.to_owned())) }
            }
        }
    };
}

choices! {
    /// The paper.
    Size {
        /// 210 x 297 mm, for a door.
        A4 = "a4",
        /// 148 x 210 mm, for a counter.
        A5 = "a5",
        /// 60 x 80 mm, for a taxi seat or a table.
        Sticker = "sticker",
    }
}

choices! {
    /// The language of the poster's own words. Names stay as they are registered.
    Language { Zh = "zh", En = "en", /** Chinese first, English second. */ Both = "both" }
}

choices! {
    /// The file.
    Format { Pdf = "pdf", Png = "png", Svg = "svg" }
}

impl Size {
    /// Width and height in points (1/72 inch).
    pub const fn points(self) -> (f32, f32) {
        match self {
            Size::A4 => (mm(210.0), mm(297.0)),
            Size::A5 => (mm(148.0), mm(210.0)),
            Size::Sticker => (mm(60.0), mm(80.0)),
        }
    }

    /// Resolution of the PNG: smaller paper is held nearer to the eye.
    pub const fn dpi(self) -> u32 {
        match self {
            Size::A4 => 150,
            Size::A5 => 200,
            Size::Sticker => 300,
        }
    }
}

impl Language {
    /// Whether Chinese words are printed.
    pub const fn has_zh(self) -> bool {
        matches!(self, Language::Zh | Language::Both)
    }

    /// Whether English words are printed.
    pub const fn has_en(self) -> bool {
        matches!(self, Language::En | Language::Both)
    }
}

impl Format {
    /// The media type of the answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Pdf => "application/pdf",
            Format::Png => "image/png",
            Format::Svg => "image/svg+xml",
        }
    }
}

const fn mm(length: f32) -> f32 {
    length * 72.0 / 25.4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_there_and_back() {
        for size in Size::ALL {
            assert_eq!(size.to_string().parse(), Ok(*size));
        }
        for language in Language::ALL {
            assert_eq!(language.to_string().parse(), Ok(*language));
        }
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
        assert_eq!("letter".parse::<Size>(), Err(UnknownWord("letter".to_owned())));
        assert_eq!(Format::Svg.content_type(), "image/svg+xml");
    }
}
