//! The QR symbol: correction level Q (a quarter may be scratched or glared away), quiet zone of four modules.
//!
//! Dark modules are joined into horizontal runs, so every writer draws few rectangles and no viewer shows hair lines
//! between neighbours.

use std::fmt::Write as _;

use fast_qr::qr::QRBuilder;
use fast_qr::{ECL, QRCode};

use super::error::RenderError;

/// White border that scanners need, in modules (ISO/IEC 18004).
pub(crate) const QUIET: usize = 4;

/// A QR symbol as a square of modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Modules {
    size: usize,
    runs: Vec<Run>,
}

/// Neighbouring dark modules of one row, counted from the corner of the quiet zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) column: usize,
    pub(crate) row: usize,
    pub(crate) length: usize,
}

impl Modules {
    /// Encodes `text` for paper.
    pub(crate) fn encode(text: &str) -> Result<Modules, RenderError> {
        Self::encode_at(text, ECL::Q)
    }

    fn encode_at(text: &str, level: ECL) -> Result<Modules, RenderError> {
        let code = QRBuilder::new(text)
            .ecl(level)
            .build()
            .map_err(|_| RenderError::QrTooLong { length: text.len() })?;
        let runs = (0..code.size).flat_map(|row| row_runs(&code, row)).collect();
        Ok(Modules { size: code.size, runs })
    }

    /// Modules along one side, with the quiet zone.
    pub(crate) const fn side(&self) -> usize {
        self.size + 2 * QUIET
    }

    /// The dark modules.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The dark modules as SVG path data, one unit a module.
    pub(crate) fn svg_path(&self) -> String {
        let mut path = String::with_capacity(self.runs.len() * 16);
        for run in &self.runs {
            let _ = write!(path, "M{} {}h{}v1h-{}z", run.column, run.row, run.length, run.length);
        }
        path
    }
}

fn row_runs(code: &QRCode, row: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, module) in code[row].iter().enumerate() {
        if !module.value() {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.column + run.length == column + QUIET => run.length += 1,
            _ => runs.push(Run { column: column + QUIET, row: row + QUIET, length: 1 }),
        }
    }
    runs
}

/// A QR of its own, for pages and screens: scales with its container, black on white, no fonts.
///
/// # Errors
/// [`RenderError::QrTooLong`] when `text` exceeds what level Q holds (1,663 bytes).
pub fn qr_svg(text: &str) -> Result<String, RenderError> {
    Modules::encode(text).map(|modules| svg(&modules))
}

/// As [`qr_svg`], at correction level M: for codes that only screens show, which are not scratched and are read the faster
/// the fewer modules they have.
///
/// # Errors
/// [`RenderError::QrTooLong`] when `text` exceeds what level M holds (2,331 bytes).
pub fn screen_qr_svg(text: &str) -> Result<String, RenderError> {
    Modules::encode_at(text, ECL::M).map(|modules| svg(&modules))
}

fn svg(modules: &Modules) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" \
         role=\"img\" aria-label=\"QR\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" \
         d=\"{path}\"/></svg>",
        side = modules.side(),
        path = modules.svg_path(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_the_finder_pattern_and_leave_the_quiet_zone() {
        let modules = Modules::encode("https://ma.example.cn/v/0123456789ABCDEFGHJK/in").unwrap();
        let first = modules.runs()[0];
        assert_eq!(first, Run { column: QUIET, row: QUIET, length: 7 });
        let edge = modules.side() - QUIET;
        assert!(
            modules.runs().iter().all(|r| r.column >= QUIET && r.column + r.length <= edge && r.row < edge)
        );
    }

    #[test]
    fn a_text_beyond_the_largest_symbol_is_refused() {
        assert_eq!(Modules::encode(&"x".repeat(3000)), Err(RenderError::QrTooLong { length: 3000 }));
    }
}
