//! The neutral drawing list between layout and writers: filled shapes, lines of text, one QR.
//!
//! There are no strokes and no clipping: a frame is a shape on a larger shape. That is enough for a poster and keeps
//! each writer at a page of code. Lengths are in drawing units, `scale` points each; the origin is the top left corner.

use super::picture::Picture;
use super::qr::Modules;

/// How far the ink of a line of CJK text reaches above its baseline, in ems.
pub(crate) const ASCENT: f32 = 0.88;
/// How far it reaches below.
pub(crate) const DESCENT: f32 = 0.14;
/// Half the height of capitals and of CJK ink above the baseline: what centres a line on a point.
pub(crate) const MIDDLE: f32 = 0.365;

/// One page.
#[derive(Debug)]
pub(crate) struct Drawing {
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Points per drawing unit.
    pub(crate) scale: f32,
    /// For the reader's window and for screen readers.
    pub(crate) title: String,
    pub(crate) items: Vec<Item>,
}

#[derive(Debug)]
pub(crate) enum Item {
    /// A rectangle; a radius of half its side makes it a circle.
    Shape {
        area: Area,
        radius: f32,
        color: Color,
    },
    Polygon {
        points: Vec<(f32, f32)>,
        color: Color,
    },
    Text(Text),
    /// A square with its quiet zone inside `area`.
    Qr {
        area: Area,
        modules: Modules,
    },
    /// A square picture that fills `area`.
    Picture {
        area: Area,
        picture: Picture,
    },
}

/// One line of text in one style.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) content: String,
    /// Where the anchor stands.
    pub(crate) x: f32,
    pub(crate) baseline: f32,
    pub(crate) anchor: Anchor,
    pub(crate) size: f32,
    pub(crate) weight: Weight,
    pub(crate) color: Color,
    /// Length of the line as it was measured.
    pub(crate) width: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Area {
    pub(crate) const fn new(x: f32, y: f32, width: f32, height: f32) -> Area {
        Area { x, y, width, height }
    }

    pub(crate) fn right(&self) -> f32 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f32 {
        self.y + self.height
    }

    pub(crate) fn center(&self) -> (f32, f32) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The same area without a border of `by` on every side.
    pub(crate) fn inset(&self, by: f32) -> Area {
        Area::new(self.x + by, self.y + by, self.width - 2.0 * by, self.height - 2.0 * by)
    }
}

impl Text {
    /// Where the line begins.
    pub(crate) fn left(&self) -> f32 {
        match self.anchor {
            Anchor::Start => self.x,
            Anchor::Middle => self.x - self.width / 2.0,
        }
    }

    /// The box that the line occupies.
    #[cfg(test)]
    pub(crate) fn area(&self) -> Area {
        Area::new(self.left(), self.baseline - ASCENT * self.size, self.width, (ASCENT + DESCENT) * self.size)
    }
}

/// One step of an outline.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Move(f32, f32),
    Line(f32, f32),
    Cubic([f32; 6]),
    Close,
}

/// The outline of a rectangle with rounded corners, clockwise.
pub(crate) fn rounded(area: &Area, radius: f32) -> Vec<Step> {
    let (l, t, r, b) = (area.x, area.y, area.right(), area.bottom());
    let q = radius.min(area.width / 2.0).min(area.height / 2.0);
    if q <= 0.0 {
        return polygon(&[(l, t), (r, t), (r, b), (l, b)]);
    }
    // A cubic comes nearest to a quarter circle with handles of 0.5523 radii.
    let k = q * (1.0 - 0.552_284_8);
    vec![
        Step::Move(l + q, t),
        Step::Line(r - q, t),
        Step::Cubic([r - k, t, r, t + k, r, t + q]),
        Step::Line(r, b - q),
        Step::Cubic([r, b - k, r - k, b, r - q, b]),
        Step::Line(l + q, b),
        Step::Cubic([l + k, b, l, b - k, l, b - q]),
        Step::Line(l, t + q),
        Step::Cubic([l, t + k, l + k, t, l + q, t]),
        Step::Close,
    ]
}

/// The outline through `points`.
pub(crate) fn polygon(points: &[(f32, f32)]) -> Vec<Step> {
    let mut steps: Vec<Step> = points.iter().map(|&(x, y)| Step::Line(x, y)).collect();
    if let Some(&(x, y)) = points.first() {
        steps[0] = Step::Move(x, y);
    }
    steps.push(Step::Close);
    steps
}
