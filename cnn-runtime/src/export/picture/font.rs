//! How wide text is, about: nobody knows the reader's fonts, so the widest of the common ones is taken.

/// Width in pixels at a size in pixels.
pub fn width(text: &str, size: f64) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '\'' | '|' => 0.28,
            ' ' | '.' | ',' | ':' | '·' | '/' | 'f' | 't' | 'I' | '(' | ')' => 0.36,
            'r' | 's' | '-' => 0.46,
            'm' | 'w' | 'M' | 'W' => 0.95,
            '×' | '+' | '…' | 'G' | 'O' | 'Q' => 0.82,
            c if c.is_ascii_uppercase() => 0.7,
            c if c.is_ascii() => 0.62,
            // Of other scripts many are square.
            _ => 1.0,
        })
        .sum();
    em * size
}
