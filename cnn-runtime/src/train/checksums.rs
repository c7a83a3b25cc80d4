//! What a run must be found as: `checksums` of its folder, as `xxhsum -c checksums` reads it.
//!
//! A line for each file that was there when the run began. The checksum is XXH3 of 128 bits
//! (<https://github.com/Cyan4973/xxHash>): against accidents, not against forgers.

use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

/// 32 digits for the parts one behind the other.
pub(super) fn hex(parts: &[&[u8]]) -> String {
    let mut hash = Xxh3::new();
    parts.iter().for_each(|part| hash.update(part));
    finish(&hash)
}

/// 32 digits for what was taken so far.
pub(super) fn finish(hash: &Xxh3) -> String {
    format!("{:032x}", hash.digest128())
}

/// A line for each file.
pub(super) fn text(files: &[(&str, &[u8])]) -> String {
    files.iter().map(|(name, bytes)| format!("{}  {name}\n", hex(&[bytes]))).collect()
}

/// What the lines say of a file; what is wrong with them otherwise.
pub(super) fn of<'t>(text: &'t str, name: &str) -> Result<&'t str, String> {
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let fault = || format!("line {} is no checksum and name", number + 1);
        let (sum, rest) = line.split_at_checked(32).ok_or_else(fault)?;
        let named = rest.strip_prefix("  ").and_then(|rest| rest.strip_suffix('\n')).ok_or_else(fault)?;
        if !sum.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(fault());
        }
        if Path::new(named) == Path::new(name) {
            return Ok(sum);
        }
    }
    Err(format!("it says nothing of {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `xxhsum -H2` prints them.
    #[test]
    fn checksums_are_those_of_others() {
        assert_eq!(hex(&[]), "99aa06d3014798d86001c324468d497f");
        assert_eq!(hex(&[b"a", b"bc"]), "06b05ab6733a618578af5f94892f3950");
    }

    #[test]
    fn lines_are_read_back_and_cut_ones_are_not() {
        let text = text(&[("settings.json", b"{}"), ("network.cnn", b"abc")]);
        assert_eq!(of(&text, "network.cnn"), Ok("06b05ab6733a618578af5f94892f3950"));
        for len in 0..text.len() {
            assert!(text.get(..len).is_none_or(|cut| of(cut, "network.cnn").is_err()), "{len}");
        }
    }
}
