//! Why a poster could not be made, in words an operator can act on.

/// A poster that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The server has no font with Chinese characters; SVG still works.
    #[error(
        "no Chinese font was found for PDF and PNG posters: install the Debian package fonts-noto-cjk or \
         fonts-wqy-microhei, or name a folder with one in posters.font_dir"
    )]
    FontMissing,
    /// No font of the server can draw this character; it is named rather than printed as an empty box.
    #[error("no installed font can draw the character `{}` (U+{:04X})", character.escape_default(), u32::from(*character))]
    GlyphMissing {
        /// The first character that could not be drawn.
        character: char,
    },
    /// The text would not be legible in the room it has.
    #[error("the text is too long for its place on the poster: {text}")]
    TextTooLong {
        /// What did not fit.
        text: String,
    },
    /// The link is longer than a QR code of this correction level can hold.
    #[error("the link is too long for a QR code: {length} bytes")]
    QrTooLong {
        /// Length of the link in bytes.
        length: usize,
    },
    /// The file could not be written; a defect, not a matter of content.
    #[error("the {format} writer failed: {reason}")]
    Writer {
        /// Which writer: "PDF" or "PNG".
        format: &'static str,
        /// What the library said.
        reason: String,
    },
}

impl RenderError {
    pub(crate) fn pdf(reason: impl std::fmt::Debug) -> Self {
        RenderError::Writer { format: "PDF", reason: format!("{reason:?}") }
    }

    pub(crate) fn png(reason: impl ToString) -> Self {
        RenderError::Writer { format: "PNG", reason: reason.to_string() }
    }
}
