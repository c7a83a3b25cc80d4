//! Patterns of tensors' names: `fc`, `layer*`, `*.bn1`, `!fc`.

use super::check::nearest;

/// Whether a pattern names a tensor: `fc` names what is called so and all that is below it (`fc.weight`, `fc.bias`), `*` stands
/// for any characters, dots too, and a `!` in front means everything else.
///
/// ```
/// use cnn_runtime::weights::matches;
///
/// assert!(matches("layer4", "layer4.0.conv1.weight") && !matches("layer", "layer4.0.conv1.weight"));
/// assert!(matches("*.bn2", "layer4.0.bn2.running_mean") && matches("*", "fc.bias"));
/// assert!(matches("!fc", "conv1.weight") && !matches("!fc", "fc.bias"));
/// ```
pub fn matches(pattern: &str, name: &str) -> bool {
    if let Some(pattern) = pattern.strip_prefix('!') {
        return !matches(pattern, name);
    }
    scopes(name).any(|scope| is(pattern.as_bytes(), scope.as_bytes()))
}

/// Whether one of the patterns names it.
pub(crate) fn any(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, name))
}

/// The first pattern that names nothing, and what its author may have meant.
pub(crate) fn idle<'p>(patterns: &'p [String], names: &[&str]) -> Option<(&'p str, Option<String>)> {
    let positive = |pattern: &'p String| pattern.strip_prefix('!').unwrap_or(pattern);
    let pattern = patterns.iter().map(positive).find(|pattern| !names.iter().any(|name| matches(pattern, name)))?;
    let mut known: Vec<&str> = names.iter().flat_map(|name| scopes(name).take(3)).collect();
    known.sort_unstable();
    known.dedup();
    Some((pattern, nearest(pattern, &known)))
}

/// The scopes around a name, from the outermost on, and the name.
fn scopes(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(end, _)| end).chain([name.len()]).map(|end| &name[..end])
}

/// Whether the text is the pattern's. On a difference only the last `*` takes one character more.
fn is(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, t) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_name_or_a_scope_around_it() {
        let name = "layer1.0.bn1.weight";
        for pattern in
            ["layer1", "layer1.0", "layer*", "*.bn1", "*", "*weight", "layer1.0.bn1.weight", "l*1.*.b*", "!fc"]
        {
            assert!(matches(pattern, name), "{pattern}");
        }
        for pattern in ["", "layer", "bn1", "layer1.", "layer1.0.bn1.weight.x", "*.bn", "fc", "!layer1", "!*"] {
            assert!(!matches(pattern, name), "{pattern}");
        }
        // Many stars end in time.
        assert!(!matches(&"*a".repeat(50), &"a.".repeat(40)));
    }

    #[test]
    fn a_pattern_without_a_tensor_is_found() {
        let names = ["layer1.0.conv.weight", "fc.weight"];
        let patterns = |list: &[&str]| list.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
        assert_eq!(idle(&patterns(&["fc", "!layer1", "layer1.0"]), &names), None);
        assert_eq!(idle(&patterns(&["fc", "layer2"]), &names), Some(("layer2", Some("layer1".to_owned()))));
        assert_eq!(idle(&patterns(&["!nothing.like.it"]), &names), Some(("nothing.like.it", None)));
    }
}
