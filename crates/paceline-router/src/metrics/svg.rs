//! The cost–quality curve as a picture that stands alone.

use super::Report;
use super::curve::Point;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;
/// Name of a line, its colour and how it is dashed. The colours differ in lightness too.
const STYLES: [(&str, &str, &str, &str); 4] = [
    ("router", "router", "#0b5fa5", ""),
    ("no_look", "no look", "#c2571a", "6 3"),
    ("random_mix", "random mix", "#8a8a8a", "2 3"),
    ("oracle", "oracle", "#2f8f5b", "1 2"),
];

/// Where the plane lies in the picture.
struct Plane {
    cost: (f64, f64),
    quality: (f64, f64),
}

impl Plane {
    fn of(report: &Report) -> Self {
        let curves = report.lines.iter().flat_map(|line| line.hull.iter().copied());
        let singles = report.singles.iter().map(|single| single.1);
        let (mut cost, mut quality) = ((0.0f64, 0.0f64), (1.0f64, 0.0f64));
        for point in curves.chain(singles) {
            cost.1 = cost.1.max(point.0);
            quality = (quality.0.min(point.1), quality.1.max(point.1));
        }
        let down = (quality.0 * 20.0).floor() / 20.0;
        let up = (quality.1 * 20.0).ceil() / 20.0;
        Self { cost: (0.0, cost.1.max(1e-12) * 1.02), quality: (down, up.max(down + 0.05)) }
    }

    fn x(&self, cost: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (cost - self.cost.0) / (self.cost.1 - self.cost.0)
    }

    fn y(&self, quality: f64) -> f64 {
        HEIGHT
            - BOTTOM
            - (HEIGHT - TOP - BOTTOM) * (quality - self.quality.0) / (self.quality.1 - self.quality.0)
    }
}

/// Draws the curves of a report: mean cost in USD per 1,000 calls against mean quality.
pub fn draw(report: &Report) -> String {
    let plane = Plane::of(report);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<title>Cost and quality, {}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n",
        escaped(&report.set)
    );
    axes(&plane, &mut out);
    for (at, (name, label, color, dash)) in STYLES.iter().enumerate() {
        let Some(line) = report.line(name) else { continue };
        let path: Vec<String> = line.hull.iter().map(|point| place(&plane, *point)).collect();
        out.push_str(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dash}\"/>\n",
            path.join(" ")
        ));
        let x = LEFT + 140.0 * at as f64;
        let aiq = line.aiq.value.unwrap_or_default();
        out.push_str(&format!(
            "<line x1=\"{x}\" y1=\"16\" x2=\"{}\" y2=\"16\" stroke=\"{color}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dash}\"/><text x=\"{}\" y=\"20\">{label} {aiq:.3}</text>\n",
            x + 18.0,
            x + 22.0
        ));
    }
    for (name, (cost, quality)) in &report.singles {
        out.push_str(&format!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#333\"><title>{}: {:.3}, {:.4} USD per 1,000</title>\
             </circle>\n",
            plane.x(*cost),
            plane.y(*quality),
            escaped(name),
            quality,
            cost * 1000.0
        ));
    }
    out.push_str("</svg>\n");
    out
}

fn axes(plane: &Plane, out: &mut String) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let quality = plane.quality.0 + share * (plane.quality.1 - plane.quality.0);
        let y = plane.y(quality);
        out.push_str(&format!(
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{quality:.3}</text>\n",
            LEFT - 6.0,
            y + 4.0
        ));
        let cost = plane.cost.0 + share * (plane.cost.1 - plane.cost.0);
        out.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{:.3}</text>\n",
            plane.x(cost),
            bottom + 16.0,
            cost * 1000.0
        ));
    }
    out.push_str(&format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">USD per 1,000 calls</text>\n\
         <text x=\"14\" y=\"{}\" transform=\"rotate(-90 14 {})\" text-anchor=\"middle\">quality</text>\n",
        f64::midpoint(LEFT, right),
        HEIGHT - 10.0,
        HEIGHT / 2.0,
        HEIGHT / 2.0
    ));
}

fn place(plane: &Plane, point: Point) -> String {
    format!("{:.1},{:.1}", plane.x(point.0), plane.y(point.1))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::metrics::{Forecast, Report};
    use crate::set::{Row, Set};

    #[test]
    fn the_picture_has_every_curve_and_no_foreign_mark() {
        let row = Row { q: vec![0.5, 1.0], c: vec![0.1, 0.2], ..Row::default() };
        let set = Set {
            name: "<s>".into(),
            models: vec!["a&b".into(), "c".into()],
            rows: vec![row.clone(); 3],
            moved: 0,
        };
        let flat = vec![Forecast { q: row.q, c: row.c }; 3];
        let picture = draw(&Report::new(&set, &flat, 5, 1).unwrap());
        assert_eq!(picture.matches("<polyline").count(), 4);
        assert!(picture.contains("&lt;s&gt;") && picture.contains("a&amp;b") && !picture.contains("NaN"));
    }
}
