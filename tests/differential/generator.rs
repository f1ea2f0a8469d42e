//! Queries by chance, five levels deep: `or` and comparisons most, because that is where elements meet.
//!
//! Left out, because Prometheus 3 and 2.42 differ: deviations of infinities, `rate` of what is no counter, windows that end at
//! a sample, functions that 2.42 does not have, `atan2`, which left the name there, and `topk` where ties would choose.

use weir_tests::Chance;

/// What an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Vector,
    Scalar,
    Range,
}

/// A query as a tree: text around the parts, of which there is one less.
#[derive(Clone, Debug)]
pub struct Node {
    pub of: Type,
    text: Vec<String>,
    pub parts: Vec<Node>,
}

impl Node {
    fn leaf(of: Type, text: impl Into<String>) -> Self {
        Self { of, text: vec![text.into()], parts: Vec::new() }
    }

    /// `#` stands for the parts.
    fn new(of: Type, form: &str, parts: Vec<Self>) -> Self {
        let text: Vec<String> = form.split('#').map(str::to_owned).collect();
        assert_eq!(text.len(), parts.len() + 1, "{form}");
        Self { of, text, parts }
    }

    pub fn render(&self) -> String {
        let parts = self.parts.iter().map(Self::render).chain([String::new()]);
        self.text.iter().zip(parts).map(|(text, part)| format!("{text}{part}")).collect()
    }

    /// Simpler trees, each by one change.
    pub fn simpler(&self) -> Vec<Self> {
        let mut all: Vec<Self> = self.parts.iter().filter(|part| part.of == self.of).cloned().collect();
        match self.of {
            Type::Vector if !self.parts.is_empty() => all.push(Self::leaf(Type::Vector, "up")),
            Type::Scalar if !self.parts.is_empty() => all.push(Self::leaf(Type::Scalar, "1")),
            _ => {}
        }
        for (at, part) in self.parts.iter().enumerate() {
            for simpler in part.simpler() {
                let mut tree = self.clone();
                tree.parts[at] = simpler;
                all.push(tree);
            }
        }
        all
    }
}

/// A query of some depth.
pub struct Generator<'c>(pub &'c mut Chance);

impl Generator<'_> {
    fn of(&mut self, choices: &[&str]) -> String {
        choices[self.0.below(choices.len() as u64) as usize].to_owned()
    }

    pub fn vector(&mut self, depth: u32) -> Node {
        if depth == 0 {
            return Node::leaf(Type::Vector, self.selector());
        }
        match self.0.below(20) {
            0..6 => self.set(depth),
            6..10 => self.comparison(depth),
            10..12 => self.arithmetic(depth),
            12..15 => self.aggregation(depth),
            15..17 => self.over_time(depth),
            17 => self.counter(),
            18 => self.labels(depth),
            _ => self.function(depth),
        }
    }

    fn selector(&mut self) -> String {
        let name = self.of(&["g_one", "g_two", "c_one_total", "up", "info", "gone", "h_bucket"]);
        let nameless = self.of(&[
            r#"{__name__=~"g_one|g_two"}"#,
            r#"{__name__=~"up|info"}"#,
            r#"{__name__!~"c_.+|h_bucket",host=~".+"}"#,
            r#"{job=~"x|y"}"#,
            r#"{host!=""}"#,
            r#"{host="b",job!="x"}"#,
            r#"{version!~""}"#,
            r#"{le!="",le!="+Inf"}"#,
        ]);
        let matcher = self.of(&[
            "",
            r#"{host="a"}"#,
            r#"{host!="a"}"#,
            r#"{job=~"x|"}"#,
            r#"{host=~"[a&&b]"}"#,
            r"{host=~`\Qa\E|c`}",
            r#"{host!~"(?i)A"}"#,
        ]);
        let selector = if self.0.happens(0.15) { nameless } else { name + &matcher };
        let offset = self.of(&["", "", "", "", " offset 1m", " offset 5m", " offset -1m"]);
        selector + &offset
    }

    fn scalar(&mut self, depth: u32) -> Node {
        match self.0.below(if depth == 0 { 3 } else { 6 }) {
            0 => Node::leaf(Type::Scalar, "0"),
            1 => Node::leaf(Type::Scalar, "1"),
            2 => Node::leaf(Type::Scalar, self.0.below(9).to_string()),
            3 => Node::new(Type::Scalar, "scalar(#)", vec![self.vector(depth - 1)]),
            4 => Node::new(Type::Scalar, "(# + #)", vec![self.scalar(depth - 1), self.scalar(depth - 1)]),
            _ => Node::new(Type::Scalar, "-#", vec![self.scalar(0)]),
        }
    }

    fn matching(&mut self) -> String {
        self.of(&["", "", "", "on (host) ", "on (host, job) ", "ignoring (job) ", "ignoring (host) ", "on () "])
    }

    fn set(&mut self, depth: u32) -> Node {
        let operator = self.of(&["or", "or", "or", "or", "and", "unless"]);
        let form = format!("(# {operator} {}#)", self.matching());
        Node::new(Type::Vector, &form, vec![self.vector(depth - 1), self.vector(depth - 1)])
    }

    fn comparison(&mut self, depth: u32) -> Node {
        let operator = self.of(&["==", "!=", "<", "<=", ">", ">="]);
        let bool = self.of(&["", "", "bool "]);
        match self.0.below(4) {
            0 => {
                let form = format!("(# {operator} {bool}#)");
                Node::new(Type::Vector, &form, vec![self.scalar(depth - 1), self.vector(depth - 1)])
            }
            1 | 2 => {
                let form = format!("(# {operator} {bool}#)");
                Node::new(Type::Vector, &form, vec![self.vector(depth - 1), self.scalar(depth - 1)])
            }
            _ => {
                let form = format!("(# {operator} {bool}{}#)", self.grouped());
                Node::new(Type::Vector, &form, vec![self.vector(depth - 1), self.vector(depth - 1)])
            }
        }
    }

    fn grouped(&mut self) -> String {
        let matching = self.matching();
        let group = self.of(&["", "", "group_left ", "group_right ", "group_left (version) "]);
        if matching.is_empty() { matching } else { matching + &group }
    }

    fn arithmetic(&mut self, depth: u32) -> Node {
        let operator = self.of(&["+", "-", "*", "%", "/"]);
        match self.0.below(3) {
            0 => Node::new(Type::Vector, "(-#)", vec![self.vector(depth - 1)]),
            1 => {
                let form = format!("(# {operator} #)");
                Node::new(Type::Vector, &form, vec![self.vector(depth - 1), self.scalar(depth - 1)])
            }
            _ => {
                let form = format!("(# {operator} {}#)", self.grouped());
                Node::new(Type::Vector, &form, vec![self.vector(depth - 1), self.vector(depth - 1)])
            }
        }
    }

    fn aggregation(&mut self, depth: u32) -> Node {
        let by = self.of(&["", "", "by (host) ", "by (job) ", "without (host) ", "by (__name__) ", "by (host, le) "]);
        let inner = vec![self.vector(depth - 1)];
        match self.0.below(12) {
            0 => Node::new(Type::Vector, "sum(topk by (host) (2, #))", inner),
            1 => Node::new(Type::Vector, "count(bottomk(3, #))", inner),
            2 => Node::new(Type::Vector, &format!("quantile {by}(0.5, #)"), inner),
            // Of what is not finite, 3 has no deviation and 2.42 has one of zero.
            4 => Node::new(Type::Vector, &format!("stddev {by}(# < 1e18 > -1e18)"), inner),
            3 => Node::new(Type::Vector, &format!("count_values {by}(\"v\", round(#))"), inner),
            _ => {
                let name = self.of(&["sum", "count", "count", "min", "max", "group", "avg"]);
                Node::new(Type::Vector, &format!("{name} {by}(#)"), inner)
            }
        }
    }

    fn over_time(&mut self, depth: u32) -> Node {
        let name = self.of(&[
            "sum_over_time",
            "count_over_time",
            "min_over_time",
            "max_over_time",
            "last_over_time",
            "present_over_time",
            "absent_over_time",
            "changes",
            "resets",
            "idelta",
            "delta",
            "avg_over_time",
            "quantile_over_time(0.5",
        ]);
        let call = if name.contains('(') { format!("{name}, #)") } else { format!("{name}(#)") };
        let range = self.range(depth);
        Node::new(Type::Vector, &call, vec![range])
    }

    /// No window of a subquery begins at one of its own instants either.
    fn range(&mut self, depth: u32) -> Node {
        if self.0.happens(0.4) {
            let (selector, width) = (self.selector(), self.of(&["1m", "5m", "10m"]));
            let (name, offset) =
                selector.split_once(" offset").map_or((selector.as_str(), ""), |(name, by)| (name, by));
            let offset = if offset.is_empty() { String::new() } else { format!(" offset{offset}") };
            return Node::leaf(Type::Range, format!("{name}[{width}]{offset}"));
        }
        let window = self.of(&["100s:30s", "310s:15s", "610s:", "610s:1m"]);
        let inner = self.vector(depth - 1);
        Node::new(Type::Range, &format!("(#)[{window}]"), vec![inner])
    }

    fn counter(&mut self) -> Node {
        let (function, name) =
            (self.of(&["rate", "increase", "irate"]), self.of(&["c_one_total", "c_two_total", "h_bucket"]));
        let various = r#"{__name__=~"c_.+"}"#.to_owned();
        let name = if self.0.happens(0.1) { various } else { name };
        let width = self.of(&["1m", "5m", "10m"]);
        let rate = format!("{function}({name}[{width}])");
        match name == "h_bucket" && self.0.happens(0.7) {
            true => {
                let phi = self.of(&["0.5", "0.9", "0", "1", "2", "-1"]);
                Node::leaf(Type::Vector, format!("histogram_quantile({phi}, {rate})"))
            }
            false => Node::leaf(Type::Vector, rate),
        }
    }

    fn labels(&mut self, depth: u32) -> Node {
        let form = self.of(&[
            r#"label_replace(#, "host", "$1$1", "host", "(.)")"#,
            r#"label_replace(#, "job", "z", "host", "a|b")"#,
            r##"label_replace(#, "new", "${1}-$2", "host", "([[:alpha:]])(?P<rest>.*)")"##,
            r#"label_replace(#, "host", "", "host", "x?y*|a")"#,
            r#"label_join(#, "both", "-", "host", "job")"#,
            r#"label_join(#, "host", "", "job")"#,
        ]);
        Node::new(Type::Vector, &form, vec![self.vector(depth - 1)])
    }

    fn function(&mut self, depth: u32) -> Node {
        let form = self.of(&[
            "abs(#)",
            "ceil(#)",
            "sgn(#)",
            "absent(#)",
            "timestamp(#)",
            "clamp(#, 0, 3)",
            "clamp_min(#, 1)",
            "clamp_max(#, 2)",
            "round(#, 2)",
            "sort(#)",
            "hour(#)",
            "day_of_week(#)",
            "days_in_month(#)",
            "histogram_quantile(0.5, #)",
            "sqrt(#)",
        ]);
        Node::new(Type::Vector, &form, vec![self.vector(depth - 1)])
    }
}
