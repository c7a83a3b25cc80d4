//! `64`, `1_000`, `12M`, `0.1`, `1e-5` and sizes as papers print them: `3x224x224`. Each is one literal token, with
//! the tail as its suffix.

use crate::syntax::ast::ExprKind;

/// What is wrong with a number, and the mend.
pub(super) type Refusal = (String, String);

/// The value of a literal's text.
pub(super) fn number(text: &str) -> Result<ExprKind, Refusal> {
    for (prefix, kind) in [("0x", "a hexadecimal"), ("0b", "a binary"), ("0o", "an octal")] {
        if text.starts_with(prefix) {
            let help = if prefix == "0x" {
                "a size cannot begin with 0; other numbers are decimal"
            } else {
                "write it as a decimal number"
            };
            return Err((format!("`{text}` is {kind} number"), help.to_owned()));
        }
    }
    let (decimal, suffix) = split(text);
    if suffix.starts_with('x') {
        return size(text);
    }
    let exponent = match suffix {
        "" => None,
        "K" => Some(3),
        "M" => Some(6),
        "G" => Some(9),
        "k" | "m" | "g" => {
            let help = format!("did you mean `{decimal}{}`?", suffix.to_uppercase());
            return Err((format!("unknown suffix `{suffix}` of the number {decimal}"), help));
        }
        _ => {
            let message = format!("unknown suffix `{suffix}` of the number {decimal}");
            let types = ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64"];
            let help = if types.contains(&suffix) {
                format!("numbers bear no type: write `{decimal}`")
            } else {
                "sizes are written `3x224x224`, thousands, millions and billions `5K`, `12M`, `2G`".to_owned()
            };
            return Err((message, help));
        }
    };
    let is_float = decimal.contains(['.', 'e', 'E']);
    match exponent {
        None if is_float => float(decimal),
        None => int(decimal).map(ExprKind::Int),
        Some(exponent) => whole(text, decimal, exponent).map(ExprKind::Int),
    }
}

/// The digits, point and exponent, and what follows them.
fn split(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let more = bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
        from + more
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
        }
    }
    text.split_at(end)
}

fn plain(digits: &str) -> String {
    digits.chars().filter(|&c| c != '_').collect()
}

fn int(digits: &str) -> Result<i64, Refusal> {
    plain(digits).parse().map_err(|_| too_large(digits))
}

fn too_large(text: &str) -> Refusal {
    (format!("the number {text} is too large"), format!("the largest number is {}", i64::MAX))
}

fn float(text: &str) -> Result<ExprKind, Refusal> {
    match plain(text).parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(ExprKind::Float(value)),
        _ => Err((format!("the number {text} is too large"), format!("the largest number is {:e}", f64::MAX))),
    }
}

/// `2.5M` exactly: the digits are moved, not multiplied.
fn whole(text: &str, decimal: &str, zeros: i64) -> Result<i64, Refusal> {
    let decimal = plain(decimal).to_lowercase();
    let (mantissa, exponent) = decimal.split_once('e').unwrap_or((&decimal, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let after = after.trim_end_matches('0');
    let digits = format!("{before}{after}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    let exponent = exponent.parse::<i64>().map_err(|_| too_large(text))?;
    let shift = zeros.saturating_add(exponent).saturating_sub(after.len() as i64);
    let kept = digits.trim_end_matches('0');
    let shift = shift.saturating_add((digits.len() - kept.len()) as i64);
    if shift < 0 {
        return Err((format!("{text} is not a whole number"), "write fewer digits after the point".to_owned()));
    }
    let value = u32::try_from(shift).ok().and_then(|shift| 10i64.checked_pow(shift));
    let product = value.zip(kept.parse::<i64>().ok()).and_then(|(scale, kept)| kept.checked_mul(scale));
    product.ok_or_else(|| too_large(text))
}

fn size(text: &str) -> Result<ExprKind, Refusal> {
    let malformed = || (format!("`{text}` is not a size"), "sizes are written `3x224x224`".to_owned());
    let mut numbers = Vec::new();
    for part in text.split('x') {
        if !part.starts_with(|c: char| c.is_ascii_digit()) || part.contains(|c: char| c != '_' && !c.is_ascii_digit()) {
            return Err(malformed());
        }
        numbers.push(int(part)?);
    }
    if text.starts_with('0') {
        return Err((format!("the size `{text}` begins with 0"), "write a list: `[0, 1]`".to_owned()));
    }
    Ok(ExprKind::Size(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let int = |text: &str| match number(text) {
            Ok(ExprKind::Int(value)) => value,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(int("64"), 64);
        assert_eq!(int("1_000_"), 1000);
        assert_eq!(int("12M"), 12_000_000);
        assert_eq!(int("2.5M"), 2_500_000);
        assert_eq!(int("2.50K"), 2500);
        assert_eq!(int("1e1K"), 10_000);
        assert_eq!(int("1000e-1K"), 100_000);
        assert_eq!(int("0.0G"), 0);
        assert_eq!(int("9223372036854775807"), i64::MAX);
        assert_eq!(number("3x224x224"), Ok(ExprKind::Size(vec![3, 224, 224])));
        assert_eq!(number("1x0"), Ok(ExprKind::Size(vec![1, 0])));
        assert_eq!(number("1e-5"), Ok(ExprKind::Float(1e-5)));
        assert_eq!(number("1."), Ok(ExprKind::Float(1.0)));
        assert_eq!(number("1_0.5E+2"), Ok(ExprKind::Float(1050.0)));
    }

    #[test]
    fn refusals() {
        for (text, message) in [
            ("0x10", "`0x10` is a hexadecimal number"),
            ("0b1", "`0b1` is a binary number"),
            ("0o7", "`0o7` is an octal number"),
            ("3f32", "unknown suffix `f32` of the number 3"),
            ("3y4", "unknown suffix `y4` of the number 3"),
            ("12m", "unknown suffix `m` of the number 12"),
            ("3x", "`3x` is not a size"),
            ("3x4M", "`3x4M` is not a size"),
            ("3x_4", "`3x_4` is not a size"),
            ("1.5x2", "`1.5x2` is not a size"),
            ("00x2", "the size `00x2` begins with 0"),
            ("1.2345K", "1.2345K is not a whole number"),
            ("1e-1K5", "unknown suffix `K5` of the number 1e-1"),
            ("9223372036854775808", "the number 9223372036854775808 is too large"),
            ("3x9223372036854775808", "the number 9223372036854775808 is too large"),
            ("10000000000G", "the number 10000000000G is too large"),
            ("1e99999999999999999999K", "the number 1e99999999999999999999K is too large"),
            ("1e999", "the number 1e999 is too large"),
            ("5e", "unknown suffix `e` of the number 5"),
        ] {
            assert_eq!(number(text).expect_err(text).0, message);
        }
    }
}
