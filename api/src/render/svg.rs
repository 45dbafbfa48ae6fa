//! SVG: text stays text in the viewer's own font, so this form works on a server without any.
//!
//! The layout measured with an estimate; `textLength` makes a viewer whose font is wider or narrower keep to it, and
//! the anchor keeps a centred line centred in viewers that ignore `textLength`.

use std::fmt::Write as _;

use super::drawing::{Anchor, Area, Color, Drawing, Item, Step, Text, Weight, polygon, rounded};
use super::picture::Picture;
use super::qr::Modules;

const FAMILIES: &str = "'Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC','PingFang SC','Microsoft YaHei',\
                        'Hiragino Sans GB','WenQuanYi Micro Hei','Droid Sans Fallback',sans-serif";

/// The document. Its size is the paper's, in millimetres.
pub(crate) fn write(drawing: &Drawing) -> Vec<u8> {
    let mm = |length: f32| length * drawing.scale * 25.4 / 72.0;
    let mut out = String::with_capacity(16 * 1024);
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.2}mm\" height=\"{:.2}mm\" viewBox=\"0 0 {} {}\" \
         xml:lang=\"zh-CN\" font-family=\"{FAMILIES}\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/>\n",
        mm(drawing.width),
        mm(drawing.height),
        drawing.width,
        drawing.height,
        escaped(&drawing.title),
    );
    for item in &drawing.items {
        match item {
            Item::Shape { area, radius, color } => path(&mut out, &rounded(area, *radius), *color),
            Item::Polygon { points, color } => path(&mut out, &polygon(points), *color),
            Item::Text(line) => text(&mut out, line),
            Item::Qr { area, modules } => qr(&mut out, area, modules),
            Item::Picture { area, picture } => image(&mut out, area, picture),
        }
    }
    out.push_str("</svg>\n");
    out.into_bytes()
}

fn path(out: &mut String, steps: &[Step], color: Color) {
    let _ = write!(out, "<path fill=\"{}\" d=\"", hex(color));
    for step in steps {
        let _ = match step {
            Step::Move(x, y) => write!(out, "M{x:.2} {y:.2}"),
            Step::Line(x, y) => write!(out, "L{x:.2} {y:.2}"),
            Step::Cubic([a, b, c, d, x, y]) => write!(out, "C{a:.2} {b:.2} {c:.2} {d:.2} {x:.2} {y:.2}"),
            Step::Close => write!(out, "z"),
        };
    }
    out.push_str("\"/>\n");
}

fn text(out: &mut String, line: &Text) {
    let anchor = match line.anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
    };
    let weight = match line.weight {
        Weight::Regular => "400",
        Weight::Bold => "700",
    };
    let _ = writeln!(
        out,
        "<text x=\"{:.2}\" y=\"{:.2}\" font-size=\"{:.2}\" font-weight=\"{weight}\" text-anchor=\"{anchor}\" \
         fill=\"{}\" textLength=\"{:.2}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
        line.x,
        line.baseline,
        line.size,
        hex(line.color),
        line.width,
        escaped(&line.content),
    );
}

fn qr(out: &mut String, area: &Area, modules: &Modules) {
    let _ = writeln!(
        out,
        "<path fill=\"#000\" shape-rendering=\"crispEdges\" transform=\"translate({:.3} {:.3}) scale({:.5})\" \
         d=\"{}\"/>",
        area.x,
        area.y,
        area.width / modules.side() as f32,
        modules.svg_path(),
    );
}

fn image(out: &mut String, area: &Area, picture: &Picture) {
    let _ = writeln!(
        out,
        "<image x=\"{:.3}\" y=\"{:.3}\" width=\"{:.3}\" height=\"{:.3}\" href=\"{}\"/>",
        area.x,
        area.y,
        area.width,
        area.height,
        picture.data_url(),
    );
}

fn hex(color: Color) -> String {
    format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2)
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_text_element() {
        assert_eq!(escaped("A&B <script>\""), "A&amp;B &lt;script&gt;&quot;");
    }
}
