//! Drawing: a few shapes, written as SVG.

use std::fmt::Write as _;

/// A drawing.
#[derive(Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands by its point.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// An empty drawing, with a title at its top.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self { width, height, body: String::new() };
        svg.rectangle(0.0, 0.0, width, height, "#ffffff");
        svg.push(&format!(
            r##"<text x="16" y="26" font-size="15" font-weight="600" fill="#1c1e21">{}</text>"##,
            escaped(title)
        ));
        svg
    }

    /// A filled rectangle.
    pub(super) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, color: &str) {
        self.push(&format!(r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{color}"/>"#));
    }

    /// A line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: &str, width: f64) {
        self.push(&format!(
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{color}" stroke-width="{width}"/>"#,
            from.0, from.1, to.0, to.1
        ));
    }

    /// A line through points, with a dot at each.
    pub(super) fn polyline(&mut self, points: &[(f64, f64)], color: &str) {
        let list: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let list = list.join(" ");
        self.push(&format!(r#"<polyline points="{list}" fill="none" stroke="{color}" stroke-width="2"/>"#));
        for (x, y) in points {
            self.push(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="2.5" fill="{color}"/>"#));
        }
    }

    /// A text.
    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.push(&format!(
            r##"<text x="{:.1}" y="{:.1}" font-size="12" fill="#3a3f45" text-anchor="{anchor}">{}</text>"##,
            at.0,
            at.1,
            escaped(text)
        ));
    }

    /// The names of what has which color, in a row at the bottom.
    pub(super) fn legend(&mut self, entries: &[(String, &str)]) {
        let y = self.height - 12.0;
        let mut x = 16.0;
        for (name, color) in entries {
            self.rectangle(x, y - 10.0, 12.0, 12.0, color);
            self.text((x + 17.0, y), Anchor::Start, name);
            x += 40.0 + 7.0 * name.len() as f64;
        }
    }

    /// The file.
    pub(super) fn finish(self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" \
             font-family=\"system-ui, sans-serif\">\n{2}</svg>\n",
            self.width, self.height, self.body
        )
    }

    fn push(&mut self, element: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// A scale that gives each factor the same length.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogScale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl LogScale {
    /// Values from `low` to `high`, drawn between `from` and `to`. Where they are the same, or not above zero, the scale
    /// has a factor of ten.
    pub(super) fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let low = if low > 0.0 { low } else { 1.0 };
        let high = if high > low { high } else { low * 10.0 };
        Self { low, high, from, to }
    }

    /// Where a value lies; one outside lies at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = (value.max(self.low) / self.low).ln() / (self.high / self.low).ln();
        self.from + share.min(1.0) * (self.to - self.from)
    }

    /// Round values within: powers of ten, and between them twice and five times where the scale is short.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let all = (first..=last).flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        all.filter(|tick| (self.low * 0.999..=self.high * 1.001).contains(tick)).collect()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_have_one_length() {
        let scale = LogScale::new(1.0, 100.0, 0.0, 200.0);
        assert!((scale.place(10.0) - 100.0).abs() < 1e-9);
        assert!((scale.place(0.1) - 0.0).abs() < 1e-9 && (scale.place(1e6) - 200.0).abs() < 1e-9);
        assert_eq!(scale.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        let empty = LogScale::new(0.0, 0.0, 0.0, 1.0);
        assert!(empty.place(5.0).is_finite());
    }

    #[test]
    fn text_cannot_become_markup() {
        let mut svg = Svg::new(10.0, 10.0, "a <b> & c");
        svg.text((0.0, 0.0), Anchor::Start, "<script>");
        let text = svg.finish();
        assert!(text.contains("a &lt;b&gt; &amp; c") && !text.contains("<script>"));
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    }
}
