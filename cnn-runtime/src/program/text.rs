//! Numbers and tables for readers, JSON for programs.

use std::io::Write;

use serde::Serialize;

use super::failure::Failure;

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
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let rows = [["a×".to_owned(), "5".to_owned()], ["abc".to_owned(), "1234".to_owned()]];
        assert_eq!(table(["x", "n"], &rows, 1), "x       n\na×      5\nabc  1234\n");
        assert_eq!(table(["x", "y"], &rows, 2), "x    y\na×   5\nabc  1234\n");
    }
}
