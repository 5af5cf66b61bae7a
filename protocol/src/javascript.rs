//! JavaScript's way of writing numbers, which other programs must repeat exactly.

/// Number::toString for base 10 (ECMA-262, section 6.1.6.1.20); what is not finite becomes null, as in JSON.stringify.
pub(crate) fn number_text(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Rust also writes the fewest digits that give the same number back.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if value < 0.0 { "-" } else { "" };
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent + 1;
    if count <= point && point <= 21 {
        return format!("{sign}{digits}{}", zeros(point - count));
    }
    if 0 < point && point <= 21 {
        let at = usize::try_from(point).unwrap_or(0);
        let (whole, part) = digits.split_at_checked(at).unwrap_or((&digits, ""));
        return format!("{sign}{whole}.{part}");
    }
    if -6 < point && point <= 0 {
        return format!("{sign}0.{}{digits}", zeros(-point));
    }
    let direction = if exponent < 0 { '-' } else { '+' };
    let exponent = exponent.abs();
    match digits.split_at_checked(1) {
        Some((first, rest)) if !rest.is_empty() => format!("{sign}{first}.{rest}e{direction}{exponent}"),
        _ => format!("{sign}{digits}e{direction}{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_written_as_javascript_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.25, "0.25"),
            (123_456.789, "123456.789"),
            (1_795_219_099_721.001, "1795219099721.001"),
            (1e20, "100000000000000000000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.25e21, "1.25e+21"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (-1.5e-9, "-1.5e-9"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(number_text(value), text);
        }
    }

    proptest! {
        #[test]
        fn numbers_read_back(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            prop_assert_eq!(number_text(value).parse::<f64>().unwrap(), value);
        }
    }
}
