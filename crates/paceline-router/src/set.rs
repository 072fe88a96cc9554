//! A set: prompts whose quality and cost at each model are known.

use serde_json::Value;

/// The longest line that is read, in bytes.
pub const MAX_LINE: usize = 1 << 20;
/// The most models of a set.
pub const MAX_MODELS: usize = 64;
/// The most rows of a set.
pub const MAX_ROWS: usize = 2_000_000;

/// What an outcome counts at most where others are not known.
const MOST: f32 = 200.0;

/// How far outside 0–1 a quality may lie and be taken for 0 or 1: metrics with a penalty do that.
pub const SLACK: f32 = 0.1;

/// One prompt and what came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Its name in the set.
    pub id: String,
    /// What kind of work it is, where somebody said so.
    pub task: Option<String>,
    /// What was asked.
    pub prompt: String,
    /// Quality 0–1 at each model.
    pub q: Vec<f32>,
    /// Cost in USD at each model.
    pub c: Vec<f32>,
    /// Models of which nothing is known, a bit each; their `q` and `c` are 0.
    pub unknown: u64,
    /// How likely it was that just the models that are known were asked, where that was drawn by chance.
    pub chance: Option<f32>,
}

impl Row {
    /// Whether it is known what came of a model.
    pub fn knows(&self, model: usize) -> bool {
        self.unknown >> model & 1 == 0
    }

    /// What a model's outcome counts where somebody is judged by it: 1 where all are known; where some are not, one over the
    /// chance with which it was asked, and nothing where there was no chance, for then it is not known for what other
    /// prompts it stands.
    pub fn judges(&self, model: usize) -> f32 {
        match (self.unknown, self.chance) {
            (0, _) => 1.0,
            (_, Some(chance)) if self.knows(model) => (1.0 / chance).min(MOST),
            _ => 0.0,
        }
    }
}

/// Rows with the models they speak of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Set {
    /// Its name, as a rule the file's.
    pub name: String,
    /// Names of the models, in the order of `q` and `c`.
    pub models: Vec<String>,
    /// The prompts.
    pub rows: Vec<Row>,
    /// How many qualities lay a little outside 0–1 and were moved to it.
    pub moved: usize,
}

impl Set {
    /// Reads JSON lines with `id`, `prompt`, `q`, `c` and perhaps `task`; where `q` has nulls perhaps `p`, the chance with
    /// which the others were asked. `meta` is JSON with
    /// `models: [{"name": …}]` or `models: ["name", …]`. Without it models are called `model-0` and so on.
    pub fn parse(name: &str, lines: &str, meta: Option<&str>) -> Result<Self, String> {
        let (mut rows, mut moved) = (Vec::new(), 0);
        for (at, line) in lines.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            if rows.len() == MAX_ROWS {
                return Err(format!("{name}: more than {MAX_ROWS} rows"));
            }
            let row = row(line).map_err(|what| format!("{name}:{}: {what}", at + 1))?;
            moved += row.1;
            rows.push(row.0);
        }
        let width = rows.first().map_or(0, |row: &Row| row.q.len());
        if width == 0 || width > MAX_MODELS {
            return Err(format!("{name}: needs rows with 1 to {MAX_MODELS} models in `q`"));
        }
        if let Some(row) = rows.iter().find(|row| row.q.len() != width || row.c.len() != width) {
            return Err(format!("{name}: row `{}` has not {width} values in `q` and in `c`", row.id));
        }
        let models = match meta {
            Some(meta) => names(meta).map_err(|what| format!("{name}: meta: {what}"))?,
            None => (0..width).map(|at| format!("model-{at}")).collect(),
        };
        if models.len() != width {
            return Err(format!("{name}: {} models in meta, {width} in the rows", models.len()));
        }
        Ok(Self { name: name.to_owned(), models, rows, moved })
    }

    /// How many models there are.
    pub fn width(&self) -> usize {
        self.models.len()
    }

    /// Whether all outcomes are known.
    pub fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.unknown == 0)
    }

    /// How many rows a model is judged by.
    pub fn judging(&self, model: usize) -> usize {
        self.rows.iter().filter(|row| row.judges(model) > 0.0).count()
    }

    /// Mean quality and mean cost in USD of each model, where they are known.
    pub fn means(&self) -> (Vec<f64>, Vec<f64>) {
        let mean = |values: fn(&Row) -> &[f32], model: usize| {
            let known = || self.rows.iter().filter(|row| row.knows(model));
            known().map(|row| f64::from(values(row)[model])).sum::<f64>() / known().count().max(1) as f64
        };
        let over = |values: fn(&Row) -> &[f32]| (0..self.width()).map(|model| mean(values, model)).collect();
        (over(|row| &row.q), over(|row| &row.c))
    }

    /// The rows at these places, in this order.
    #[must_use]
    pub fn pick(&self, places: &[usize]) -> Self {
        let rows = places.iter().filter_map(|&at| self.rows.get(at).cloned()).collect();
        Self { name: self.name.clone(), models: self.models.clone(), rows, moved: self.moved }
    }
}

/// A row that has only what is known before the call: `id`, `prompt` and perhaps `task`.
pub fn question(line: &str) -> Result<Row, String> {
    let value = object(line)?;
    Ok(Row {
        id: word(&value, "id")?,
        task: value.get("task").and_then(Value::as_str).map(ToOwned::to_owned),
        prompt: word(&value, "prompt")?,
        ..Row::default()
    })
}

/// A row, and how many of its qualities were moved into 0–1.
fn row(line: &str) -> Result<(Row, usize), String> {
    let value = object(line)?;
    let (mut q, unknown) = outcomes(&value, "q")?;
    let (c, unpriced) = outcomes(&value, "c")?;
    if unpriced & !unknown != 0 {
        return Err("`c` must be known where `q` is".to_owned());
    }
    if !q.is_empty() && q.len() <= MAX_MODELS && unknown.count_ones() as usize == q.len() {
        return Err("`q` must have a number".to_owned());
    }
    let chance = value.get("p").filter(|p| !p.is_null());
    let chance = chance
        .map(|p| p.as_f64().filter(|p| *p > 0.0 && *p <= 1.0).ok_or("`p` must be above 0 and at most 1"));
    // What was sure to be asked says nothing of what else might have been.
    let chance = chance.transpose()?.filter(|p| *p < 1.0).map(|p| p as f32);
    if q.iter().any(|q| !(-SLACK..=1.0 + SLACK).contains(q)) {
        return Err("`q` must be between 0 and 1".to_owned());
    }
    let mut moved = 0;
    for q in q.iter_mut().filter(|q| !(0.0..=1.0).contains(*q)) {
        *q = q.clamp(0.0, 1.0);
        moved += 1;
    }
    if c.iter().any(|&c| c < 0.0) {
        return Err("`c` must not be negative".to_owned());
    }
    let row = Row {
        id: word(&value, "id")?,
        task: value.get("task").and_then(Value::as_str).map(ToOwned::to_owned),
        prompt: word(&value, "prompt")?,
        q,
        c,
        unknown,
        chance,
    };
    Ok((row, moved))
}

fn object(line: &str) -> Result<Value, String> {
    if line.len() > MAX_LINE {
        return Err(format!("a line of more than {MAX_LINE} bytes"));
    }
    serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))
}

fn word(value: &Value, name: &str) -> Result<String, String> {
    let found = value.get(name).and_then(Value::as_str);
    found.map(ToOwned::to_owned).ok_or_else(|| format!("`{name}` must be a text"))
}

/// Numbers, 0 where there is null, and where that is.
fn outcomes(value: &Value, name: &str) -> Result<(Vec<f32>, u64), String> {
    let list = value.get(name).and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("`{name}` must be a list of numbers"))?;
    let number = |value: &Value| match value {
        Value::Null => Some(0.0),
        value => value.as_f64().map(|number| number as f32).filter(|n| n.is_finite()),
    };
    let numbers: Option<Vec<f32>> = list.iter().map(number).collect();
    let nulls = list.iter().take(MAX_MODELS).enumerate().filter(|(_, value)| value.is_null());
    let nulls = nulls.fold(0, |nulls, (at, _)| nulls | 1 << at);
    Ok((numbers.ok_or_else(|| format!("`{name}` must hold numbers only, or null"))?, nulls))
}

fn names(meta: &str) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_str(meta).map_err(|error| error.to_string())?;
    let list = value.get("models").and_then(Value::as_array).ok_or("`models` must be a list")?;
    let name = |model: &Value| {
        let name = model.as_str().or_else(|| model.get("name").and_then(Value::as_str));
        name.map(ToOwned::to_owned)
    };
    list.iter().map(name).collect::<Option<Vec<_>>>().ok_or_else(|| "a model without a name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Set, question};

    const ROW: &str = r#"{"id":"a","task":"t","prompt":"p","q":[0,1],"c":[0.1,0.2]}"#;

    #[test]
    fn rows_are_read_with_their_models() {
        let set = Set::parse("s", ROW, Some(r#"{"models":[{"name":"x"},"y"]}"#)).unwrap();
        assert_eq!(set.models, ["x", "y"]);
        assert_eq!(set.rows[0].q, [0.0, 1.0]);
        assert_eq!(set.rows[0].task.as_deref(), Some("t"));
        assert_eq!(set.means().0, [0.0, 1.0]);
        assert_eq!(Set::parse("s", ROW, None).unwrap().models, ["model-0", "model-1"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = |text: &str| Set::parse("s", text, None).unwrap_err();
        assert!(error("").contains("needs rows"));
        assert!(error(&format!("{ROW}\n{{}}")).starts_with("s:2: `q` must be a list"));
        assert!(error(&ROW.replace("[0,1]", "[0,2]")).contains("between 0 and 1"));
        assert!(error(&ROW.replace("[0,1]", "[0]")).contains("has not 1 values"));
        assert!(error(&ROW.replace("0.1", "-1")).contains("negative"));
        assert!(Set::parse("s", ROW, Some(r#"{"models":["x"]}"#)).unwrap_err().contains("1 models in meta"));
    }

    #[test]
    fn qualities_a_little_outside_are_moved_and_counted() {
        let set = Set::parse("s", &ROW.replace("[0,1]", "[-0.033,1.1]"), None).unwrap();
        assert_eq!((set.rows[0].q.as_slice(), set.moved), ([0.0, 1.0].as_slice(), 2));
        assert_eq!(Set::parse("s", ROW, None).unwrap().moved, 0);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let one = |row: &str| Set::parse("s", row, None).map(|set| set.rows[0].clone());
        let row = one(&ROW.replace("[0,1]", "[null,1],\"p\":0.1").replace("[0.1", "[null")).unwrap();
        assert_eq!((row.unknown, row.chance, row.knows(0), row.knows(1)), (1, Some(0.1), false, true));
        assert_eq!((row.judges(0), row.judges(1)), (0.0, 10.0));
        let sure = one(&ROW.replace("[0,1]", "[null,1],\"p\":1")).unwrap();
        assert_eq!((sure.chance, sure.judges(1)), (None, 0.0));
        let whole = one(&ROW.replace("[0,1]", "[0,1],\"p\":0.5")).unwrap();
        assert_eq!((whole.judges(0), whole.judges(1)), (1.0, 1.0));
        let error = |from: &str, to: &str| one(&ROW.replace(from, to)).unwrap_err();
        assert!(error("[0,1]", "[null,null]").contains("must have a number"));
        assert!(error("[0.1,", "[null,").contains("`c` must be known"));
        assert!(error("[0,1]", "[null,1],\"p\":0").contains("`p` must be above 0"));
    }

    #[test]
    fn a_question_needs_no_outcome() {
        let row = question(r#"{"id":"a","prompt":"p"}"#).unwrap();
        assert_eq!((row.id.as_str(), row.task, row.q.len()), ("a", None, 0));
        assert!(question(r#"{"id":1}"#).is_err());
    }
}
