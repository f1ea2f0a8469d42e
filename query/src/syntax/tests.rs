//! What is taken, how it is printed, and what is told of the rest.

use super::*;

fn printed(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{text}: {}", error.told(text))).to_string()
}

#[test]
fn an_expression_is_printed_as_it_was_understood() {
    for same in [
        "up",
        "up{job=\"a\",host!~\"b|c\"}",
        "{\"dots.in.name\",a=\"b\"}",
        "sum by (a, b) (rate(x[5m]))",
        "sum without (a) (x)",
        "topk(3, x)",
        "count_values(\"version\", x)",
        "x / on (a) group_left (b) y",
        "x == bool ignoring (a) y",
        "x[1h30m] @ start() offset 5m",
        "max_over_time(x[1h:1m])[2h:] offset -1d",
        "-x",
        "x @ 1600000000.500",
        "x @ -1.000",
        "histogram_quantile(0.9, sum by (le) (x))",
        "a and b or c unless d",
        "sum:rate5m + 1",
        "label_replace(x, \"a\", \"$1\", \"b\", \"(.*)\")",
        "time() - 5",
        "x atan2 y",
        "by",
        "offset offset 5m",
        "and and and",
        "sum{a=\"b\"}",
        "sum(sum)",
    ] {
        assert_eq!(printed(same), same);
    }
    let check = |text: &str, expected: &str| assert_eq!(printed(text), expected, "{text}");
    check("SUM(x) BY (a,)", "sum by (a) (x)");
    check("x[300]", "x[5m]");
    check("x[7d] offset 1w", "x[1w] offset 1w");
    check("+x", "x");
    check("x[5m + 1m * 2 : (2 ^ 3) * 1s] offset -(1h / 2)", "x[7m:8s] offset -30m");
    check("x[90 % 60]", "x[30s]");
    check("5m", "300");
    check("- 5", "-5");
    check("x # a comment\n + 1", "x + 1");
    check("sum by (\"a\") (x{'b'=`c`,})", "sum by (a) (x{b=\"c\"})");
    check("inf + -Inf", "+Inf + -Inf");
    check("\"\\u00e9\\x41\"", "\"éA\"");
}

#[test]
fn operators_bind_as_prometheus_has_them() {
    let nested = |text: &str| {
        fn show(expr: &Expr) -> String {
            match expr {
                Expr::Binary(e) => format!("[{} {} {}]", show(&e.lhs), e.op, show(&e.rhs)),
                Expr::Unary(e) => format!("[-{}]", show(&e.expr)),
                other => other.to_string(),
            }
        }
        show(&parse(text).unwrap())
    };
    let check = |text: &str, expected: &str| assert_eq!(nested(text), expected, "{text}");
    check("a + b * c", "[a + [b * c]]");
    check("a - b - c", "[[a - b] - c]");
    check("a ^ b ^ c", "[a ^ [b ^ c]]");
    check("-a ^ b", "[-[a ^ b]]");
    check("-a * b", "[[-a] * b]");
    check("a ^ -b", "[a ^ [-b]]");
    check("a or b and c", "[a or [b and c]]");
    check("a unless b and c", "[[a unless b] and c]");
    check("a > b + c", "[a > [b + c]]");
    check("a % b atan2 c", "[[a % b] atan2 c]");
}

fn check(text: &str, expected: &str) {
    let told = parse(text).map(|expr| expr.to_string()).map_err(|error| error.told(text));
    assert_eq!(told.expect_err(text), expected, "{text}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    check("", "1:1: parse error: no expression found in input");
    check("(1+", "1:4: parse error: unexpected end of input, expected an expression");
    check("sum(up", "1:7: parse error: unexpected end of input, expected \",\" or \")\"");
    check("up\n  + * 5", "2:5: parse error: unexpected \"*\", expected an expression");
    check("x y", "1:3: parse error: unexpected \"y\", expected an operator or the end of the query");
    check("x[5m", "1:5: parse error: unexpected end of input, expected \":\" or \"]\"");
    check("x[-5m]", "1:3: parse error: duration must be greater than 0");
    check("x[0s]", "1:3: parse error: duration must be greater than 0");
    check("x{a=b}", "1:5: parse error: unexpected \"b\", expected a string");
    check("x{a}", "1:4: parse error: unexpected \"}\", expected one of =, !=, =~ and !~");
    check("x{a=\"b\" c=\"d\"}", "1:9: parse error: unexpected \"c\", expected \",\" or \"}\"");
    check("x{,}", "1:3: parse error: unexpected \",\", expected a label name");
    check("up{a=`x", "1:6: parse error: unterminated raw string");
    check("up{a=\"x\\q\"}", "1:6: parse error: unknown escape sequence \\q");
    check("x $ y", "1:3: parse error: unexpected character: '$'");
    check("é €", "1:3: parse error: unexpected character: '€'");
}

#[test]
fn what_does_not_fit_together_is_told_with_its_place() {
    check("nope(x)", "1:1: parse error: unknown function with name \"nope\"");
    check("rate(x)", "1:1: parse error: expected type range vector in call to function \"rate\", got instant vector");
    check("rate(x[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2");
    check("round(x, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3");
    check("label_join(x)", "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1");
    check("abs(x,)", "1:7: parse error: trailing commas not allowed in function call args");
    check("sum()", "1:1: parse error: no arguments for aggregate expression provided");
    check(
        "topk(x)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    );
    check("1 + topk(\"a\", x)", "1:5: parse error: expected type scalar in aggregation parameter, got string");
    check("sum(x[5m])", "1:1: parse error: expected type instant vector in aggregation expression, got range vector");
    check(
        "+up[5m]",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"",
    );
    check("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier");
    check("1 or 1", "1:3: parse error: set operator \"or\" not allowed in binary scalar expression");
    check("x + bool y", "1:3: parse error: bool modifier can only be used on comparison operators");
    check("x + on (a) 1", "1:3: parse error: vector matching only allowed between instant vectors");
    check("x and on (a) group_left () y", "1:3: parse error: no grouping allowed for \"and\" operation");
    check("x / on (a) group_left (a) y", "1:3: parse error: label \"a\" must not occur in ON and GROUP clause at once");
    check("x[5m] + y", "1:7: parse error: binary expression must contain only scalar and instant vector types");
    check("1[5m:]", "1:2: parse error: subquery is only allowed on instant vector, got scalar instead");
    check("sum(x)[5m]", "1:7: parse error: ranges only allowed for vector selectors");
    check("x offset 5m[5m]", "1:12: parse error: no offset modifiers allowed before range");
    check("x offset 5m offset 5m", "1:13: parse error: offset may not be set multiple times");
    check(
        "sum(x) offset 5m",
        "1:8: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
    check("x @ inf", "1:5: parse error: timestamp out of bounds for @ modifier: inf");
    check("x{__name__=\"y\"}", "1:3: parse error: metric name must not be set twice: \"x\" or \"y\"");
    check("up == 1e400", "1:7: parse error: number 1e400 is out of range");
    check("x[1e300]", "1:3: parse error: duration 1e300s is out of range");
    check("x[1m/0]", "1:5: parse error: division by zero");
    check("x[1m*]", "1:6: parse error: unexpected \"]\", expected a duration");
    check("bool", "1:1: parse error: unexpected \"bool\", expected an expression");
}

#[test]
fn hostile_texts_end_soon() {
    for text in [
        "(".repeat(1_400),
        "-".repeat(1_400),
        format!("1{}", "^1".repeat(1_400)),
        "(".repeat(60_000),
        "sum(".repeat(500),
    ] {
        assert!(parse(&text).is_err());
    }
    assert!(parse(&format!("x{}", " or x".repeat(1_400))).is_err());
    assert!(parse(&format!("x{}", " or x".repeat(100))).is_ok());
    // Many side by side are not deep.
    assert!(parse(&format!("label_join(x, 'a', ','{})", ", 'b'".repeat(300))).is_ok());
    assert!(parse(&format!("x{{a=~\"{}\"}}", "a-b|(".repeat(10_000))).is_ok());
}
