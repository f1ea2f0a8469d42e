use super::*;
use crate::text::labels::FEW;

fn read(line: &str, form: Form) -> Result<String, Malformed> {
    Line::read(&mut Cursor::new(line), &mut { form }).map(|line| match line {
        Line::Type { family, kind } => format!("{kind} of {family}"),
        Line::Help { family, help } => format!("{family} tells {help}"),
        Line::Unit { family, unit } => format!("{family} in {unit}"),
        Line::Nothing => String::new(),
        Line::End => "end".to_owned(),
        Line::Sample(Sample { name, labels, value, time, .. }) => {
            let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
            let time = time.map_or(String::new(), |time| format!(" @{}", time.millis()));
            format!("{name}[{}] {value}{time}", labels.join(" "))
        }
    })
}

/// Checks what a line says: `name[labels] value @time`, `type of family`, nothing, or why it is malformed.
fn check(line: &str, expected: Result<&str, Malformed>) {
    assert_eq!(read(line, Form::Text).as_deref(), expected.as_ref().map(|said| *said), "{line}");
}

#[test]
fn samples_have_a_name_labels_a_value_and_perhaps_a_time() {
    check("up 2 7", Ok("up[] 2 @7"));
    check(" up{} 2\t-7 \r\n", Ok("up[] 2 @-7"));
    check("up:rate5m\t-1e3", Ok("up:rate5m[] -1000"));
    check("up +Inf", Ok("up[] inf"));
    check("up -Inf", Ok("up[] -inf"));
    check("up NaN", Ok("up[] NaN"));
    check("up{a=\"1\"}2", Ok("up[a=1] 2"));
}

#[test]
fn blanks_and_tabs_may_stand_between_all_parts() {
    for line in
        ["m {a=\"1\"} 1", "m\t{a=\"1\"}\t1", "m  { a = \"1\" } 1", "m{a\t=\t\"1\"\t,\t}1", "\tm \t{\ta=\"1\"}  1 "]
    {
        check(line, Ok("m[a=1] 1"));
    }
    check(r#"a{ x = "1" , y="2", } 1"#, Ok("a[x=1 y=2] 1"));
    check("m {} 1", Ok("m[] 1"));
}

#[test]
fn label_values_hold_anything() {
    check(r#"a{x="q\"}\\\n,"} 1"#, Ok("a[x=q\"}\\\n,] 1"));
    check(r#"a{x="\\"} 1"#, Ok("a[x=\\] 1"));
    check(r#"a{x="\t\é"} 1"#, Ok("a[x=té] 1"));
    check("a{x=\"# {\"} 1 2", Ok("a[x=# {] 1 @2"));
}

#[test]
fn names_may_be_quoted() {
    check(r#"{"up",a="1"} 1 5"#, Ok("up[a=1] 1 @5"));
    check(r#"{ "up" } 1"#, Ok("up[] 1"));
    check(r#"{a="1", "up"} 1"#, Ok("up[a=1] 1"));
    check(r#"up{"a"="1"} 1"#, Ok("up[a=1] 1"));
    check(r#"# TYPE "up" counter"#, Ok("counter of up"));
    check(r#"{"utf8.n",a="1"} 1 5"#, Ok("utf8.n[a=1] 1 @5"));
    check(r#"{"a\"b c"} 1"#, Ok("a\"b c[] 1"));
    check(r#"up{"a.b"="1"} 1"#, Ok("up[a.b=1] 1"));
    check(r#"# TYPE "utf8 n" counter"#, Ok("counter of utf8 n"));
    check(r#"{""} 1"#, Err(Malformed::Name));
    check("{\"a\u{1}\"} 1", Err(Malformed::Name));
    check("up{\"a\u{2}\"=\"1\"} 1", Err(Malformed::LabelName));
    for line in [r#"up{"up"} 1"#, r#"{"a","b"} 1"#, r#"up{__name__="a"} 1"#, r#"{"a",__name__="a"} 1"#] {
        check(line, Err(Malformed::NameTwice));
    }
    check(r#"{a="1"} 1"#, Err(Malformed::Name));
    check(r#"{"up 1"#, Err(Malformed::Unclosed));
}

#[test]
fn comments_tell_types_or_nothing() {
    check("# TYPE up counter", Ok("counter of up"));
    check("#TYPE\tup  gauge histogram", Ok("gauge of up"));
    check("# HELP up TYPE up counter", Ok("up tells TYPE up counter"));
    check("# HELP up a\\n\\\\b ", Ok("up tells a\n\\b"));
    check("# UNIT up seconds", Ok("up in seconds"));
    for line in ["# TYPE up", "# HELP up", "# HELP", "# UNIT up", "# EOF of it", " \t", "#"] {
        check(line, Ok(""));
    }
    check("# EOF", Ok("end"));
}

#[test]
fn what_is_malformed_says_why() {
    check("up", Err(Malformed::NoValue));
    check("up{a=\"1\"}", Err(Malformed::NoValue));
    for name in
        ["<html> 1", "<html>", "9a 1", "{} 1", "a-b 1", "a.b{c=\"d\"} 1", "é 1", "\"a\" 1", "\u{feff}a 1", "a\"b\" 1"]
    {
        check(name, Err(Malformed::Name));
    }
    for label in
        ["a{x=1} 2", "a{x} 2", "a{x", "a{x=", "a{x y=\"1\"} 2", "a{reg R/W=\"x\"} 2", "a{x\"1\"} 2", "a{x==\"1\"} 2"]
    {
        check(label, Err(Malformed::Label));
    }
    for label in ["x-y=\"1\"", "9x=\"1\"", "=\"1\"", "x:y=\"1\"", "é=\"1\"", "x.y=\"1\"", "{x=\"1\"}", "\"\"=\"1\""] {
        check(&format!("a{{{label}}} 2"), Err(Malformed::LabelName));
    }
    for labels in ["a{x=\"1\" y=\"2\"} 2", "a{x=\"1\";y=\"2\"} 2", "a{x=\"1\"\"2\"} 2", "a{x=\"1\" 2", "a{x=\"1\""] {
        check(labels, Err(Malformed::AfterLabel));
    }
    for labels in ["a{,} 2", "a{,x=\"1\"} 2", "a{x=\"1\",,y=\"2\"} 2", "a{x=\"1\", ,} 2"] {
        check(labels, Err(Malformed::Comma));
    }
    check("a{x=\"1\",y=\"2\",x=\"1\"} 2", Err(Malformed::LabelTwice));
    check("a{x=\"1\",\"x\"=\"2\"} 2", Err(Malformed::LabelTwice));
    let many: Vec<_> = (0..FEW + 1).map(|at| format!("x{at}=\"\"")).collect();
    check(&format!("a{{{},x3=\"\"}} 2", many.join(",")), Err(Malformed::LabelTwice));
    check("up{a=\"b} 2 7", Err(Malformed::Unclosed));
    for value in ["up two 7", "up # {} 1", "up 0x10", "up 1_000", "up 1,5"] {
        check(value, Err(Malformed::Value));
    }
}

#[test]
fn times_are_in_milliseconds_and_in_openmetrics_in_seconds() {
    check("up 1 253402300799999", Ok("up[] 1 @253402300799999"));
    for time in ["253402300800000", "99999999999999999", "99999999999999999999", "-62135596800001"] {
        check(&format!("up 1 {time}"), Err(Malformed::TimeRange));
    }
    for time in ["now", "abc", "NaN", "inf", "1e3", "1s"] {
        check(&format!("up 1 {time}"), Err(Malformed::Time));
    }
    for more in ["7 8", "7 x", "1.5 8", "7 8 # {} 1"] {
        check(&format!("up 2 {more}"), Err(Malformed::TooLong));
    }
    check("up 5 1520879607.177", Ok("up[] 5 @1520879607177"));
    let open = |line: &str, expected: Result<&str, Malformed>| {
        assert_eq!(read(line, Form::OpenMetrics).as_deref(), expected.as_ref().map(|said| *said), "{line}");
    };
    open("up 5 1520879607", Ok("up[] 5 @1520879607000"));
    open("up 5 1520879607.1775", Ok("up[] 5 @1520879607178"));
    open("up 5 -0.5", Ok("up[] 5 @-500"));
    open("up 5 1.5e9", Ok("up[] 5 @1500000000000"));
    open("up 5 1520879607177", Err(Malformed::TimeRange));
    open("up 5 1e300", Err(Malformed::TimeRange));
}

#[test]
fn exemplars_are_read_over() {
    check("up{x=\"1\"} 4 # {trace=\"t\"} 1", Ok("up[x=1] 4"));
    check("up 4 1.5 # {trace=\"t\",\"span.id\"=\"# 7\"} 0.5 1520879607.789 ", Ok("up[] 4 @1500"));
    check("up 4 # {} 1", Ok("up[] 4"));
    for exemplar in ["#", "# x", "# {a=\"1\"}", "# {a=\"1\"} x", "# {a=1} 1", "# {a=\"1\"} 1 now", "# {a=\"1\" 1"] {
        check(&format!("up 4 {exemplar}"), Err(Malformed::Exemplar));
    }
    check("up 4 # {a=\"1\"} 1 2 3", Err(Malformed::TooLong));
}
