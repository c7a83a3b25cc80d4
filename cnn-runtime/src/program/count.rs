//! Counts on the command line.

use std::ops::{Bound, RangeBounds};

/// What reads a count within a range that has a first number, such as `1..` and `1..=256`: of another text it says what was expected,
/// and what came.
pub(super) fn count<T: TryFrom<u64>>(
    range: impl RangeBounds<u64> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.and_then(|number: u64| T::try_from(number).ok()).ok_or_else(|| {
            let least = if let Bound::Included(least) = range.start_bound() { *least } else { 0 };
            let to = if let Bound::Included(most) = range.end_bound() { format!(" to {most}") } else { String::new() };
            format!("expected a number from {least}{to}, got {text}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_expected_and_what_came_is_said() {
        assert_eq!(count::<usize>(1..)("7"), Ok(7));
        assert_eq!(count::<u16>(1..=256)("256"), Ok(256));
        for text in ["-3", "0", "x", "", "1.5", "1e3", "99999999999999999999"] {
            let expected = format!("expected a number from 1, got {text}");
            assert_eq!(count::<usize>(1..)(text), Err(expected));
        }
        assert_eq!(count::<u8>(0..=16)("17"), Err("expected a number from 0 to 16, got 17".to_owned()));
        println!("{}", count::<u8>(0..=16)("-1").unwrap_err());
    }
}
