//! Numbers and tables for readers, JSON for programs.

use std::io::Write;

use serde::Serialize;

use super::failure::Failure;

/// Three digits and a unit: `11.7 M`, `1.81 G`, `416 K`; whole below a thousand.
pub(super) fn readable(n: u64) -> String {
    let Some(power) = n.checked_ilog10().map(|digits| digits / 3).filter(|&power| power > 0) else {
        return n.to_string();
    };
    let unit = |power: u32| ["", "K", "M", "G", "T", "P", "E"][power as usize];
    let scaled = n as f64 / 1000f64.powi(power as i32);
    let decimals = if scaled < 9.995 {
        2
    } else if scaled < 99.95 {
        1
    } else {
        0
    };
    match format!("{scaled:.decimals$}").as_str() {
        // 999,999 rounds to the next unit.
        "1000" => format!("1.00 {}", unit(power + 1)),
        number => format!("{number} {}", unit(power)),
    }
}

/// Rows under a header, columns as wide as their widest cell; from column `numbers` on aligned to the right.
pub(super) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]], numbers: usize) -> String {
    let header = header.map(str::to_owned);
    let lines = || std::iter::once(&header).chain(rows);
    let widths: [usize; N] =
        std::array::from_fn(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for line in lines() {
        let cells: Vec<String> = line
            .iter()
            .zip(widths)
            .enumerate()
            .map(
                |(column, (cell, width))| {
                    if column < numbers { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Writes a value as indented JSON.
pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1.00 K"),
            (9_994, "9.99 K"),
            (9_996, "10.0 K"),
            (61_706, "61.7 K"),
            (416_520, "417 K"),
            (999_999, "1.00 M"),
            (11_689_512, "11.7 M"),
            (1_814_073_344, "1.81 G"),
            (u64::MAX, "18.4 E"),
        ];
        for (n, text) in cases {
            assert_eq!(readable(n), text);
        }
    }

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let rows = [["a×".to_owned(), "5".to_owned()], ["abc".to_owned(), "1234".to_owned()]];
        assert_eq!(table(["x", "n"], &rows, 1), "x       n\na×      5\nabc  1234\n");
        assert_eq!(table(["x", "y"], &rows, 2), "x    y\na×   5\nabc  1234\n");
    }
}
