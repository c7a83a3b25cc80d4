//! Bytes as text. RFC 4648, section 4.

/// The bytes, or what is wrong with the text.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, String> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("expected groups of 4 characters, got {}", text.len()));
    }
    let mut bytes = Vec::with_capacity(3 * groups.len());
    for (number, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|&&character| character == b'=').count();
        if padding > 2 || (padding > 0 && number + 1 < groups.len()) {
            return Err(format!("`=` in group {number}"));
        }
        let mut bits = 0;
        for &character in &group[..4 - padding] {
            bits = bits << 6 | digit(character).ok_or_else(|| format!("`{}` is no digit", character.escape_ascii()))?;
        }
        bits <<= 6 * padding;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Ok(bytes)
}

fn digit(character: u8) -> Option<u32> {
    Some(u32::from(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(decode(text).as_deref(), Ok(bytes.as_bytes()));
        }
        assert_eq!(decode("+/+/"), Ok(vec![0xfb, 0xff, 0xbf]));
        for wrong in ["Zg", "Zg==Zg==", "Z===", "Zm9*"] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }
}
