//! Queries, as whoever may ask sends them.

use weir_query::syntax::parse;

/// What is taken is printed as a query that is taken and printed the same; what is refused has a place within the text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse(text) {
        Ok(expr) => {
            let printed = expr.to_string();
            let again =
                parse(&printed).unwrap_or_else(|error| panic!("{text:?} as {printed:?}: {}", error.told(&printed)));
            assert_eq!(again.to_string(), printed, "{text:?}");
        }
        Err(error) => assert!(text.is_char_boundary(error.at), "{text:?}: {error:?}"),
    }
}

/// Every kind of expression.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "sum by (a, \"b\") (rate(x{a=~\"b.*\",c!='d',}[5m])) / on (a) group_left (c) y",
        "max_over_time((a or b)[1h30m:1m] @ start() offset -5m)",
        "topk(3, x) > bool 1.5e3 # comment\nand {\"dots.in.name\"} unless -0x1F ^ 2",
        "histogram_quantile(0.9, x) @ 1600000000.5 == bool Inf + NaN atan2 5m",
        "label_replace(x, `a`, '\\u00e9$1', \"b\", \"(.*)\") offset 1w",
        "count_values without () (\"v\", sum) * ignoring () x[",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}
