//! Names as people can tell them apart.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// A name with everything written out that is not seen, or makes others be seen elsewhere: `\u{202e}ada`.
///
/// That are control characters, those that turn the direction of writing, those without width, all spaces but U+0020, and
/// U+0020 where it would not be seen: at either end and beside another. A backslash that could be taken for the beginning of
/// one of these is `\u{5c}`, so no two names are shown alike. What only resembles another letter is not touched. For logs
/// and terminals; programs are given names as they are.
///
/// static/admin/visible.js has the same for the admin page.
pub fn visible(name: &str) -> Cow<'_, str> {
    if !name.char_indices().any(|(at, character)| is_hidden(name, at, character)) {
        return name.into();
    }
    let mut shown = String::with_capacity(name.len() + 8);
    for (at, character) in name.char_indices() {
        match is_hidden(name, at, character) {
            // Writing to a text never fails.
            true => _ = write!(shown, "\\u{{{:x}}}", u32::from(character)),
            false => shown.push(character),
        }
    }
    shown.into()
}

/// Whether the character at this place of a name would not be seen as what it is.
fn is_hidden(name: &str, at: usize, character: char) -> bool {
    let (before, behind) = (&name[..at], &name[at + character.len_utf8()..]);
    match character {
        ' ' => before.is_empty() || behind.is_empty() || before.ends_with(' '),
        '\\' => behind.starts_with("u{"),
        other => is_invisible(other),
    }
}

/// Whether a character is not seen, or makes others be seen elsewhere, wherever it stands.
pub fn is_invisible(character: char) -> bool {
    character.is_control() || (!character.is_ascii() && HIDDEN.iter().any(|range| range.contains(&character)))
}

/// Unicode's general categories Cf, Co, Zl, Zp and Zs, its Default_Ignorable_Code_Point, and the empty Braille pattern.
const HIDDEN: &[RangeInclusive<char>] = &[
    '\u{a0}'..='\u{a0}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{115f}'..='\u{1160}',
    '\u{1680}'..='\u{1680}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{2000}'..='\u{200f}',
    '\u{2028}'..='\u{202f}',
    '\u{205f}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3000}'..='\u{3000}',
    '\u{3164}'..='\u{3164}',
    '\u{e000}'..='\u{f8ff}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
    '\u{f0000}'..='\u{ffffd}',
    '\u{100000}'..='\u{10fffd}',
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_hide_nothing_are_shown_as_they_are() {
        for name in ["ada", "Ada Lovelace", "CORP\\ada", "José", "Зоя", "शिव", "李", "a\\u", "<b>"] {
            assert!(matches!(visible(name), Cow::Borrowed(same) if same == name), "{name}");
        }
    }

    #[test]
    fn what_is_not_seen_is_written_out() {
        for (name, shown) in [
            ("\u{202e}ada", "\\u{202e}ada"),
            ("ada\u{200b}", "ada\\u{200b}"),
            (" ada ", "\\u{20}ada\\u{20}"),
            ("a  da", "a \\u{20}da"),
            ("a\u{a0}da", "a\\u{a0}da"),
            ("a\nda\u{1b}[31m", "a\\u{a}da\\u{1b}[31m"),
            ("\\u{202e}ada", "\\u{5c}u{202e}ada"),
            ("\u{2066}\u{feff}\u{e0041}", "\\u{2066}\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(visible(name), shown);
        }
    }

    /// What it shows of a name, read back.
    fn read(shown: &str) -> String {
        let mut parts = shown.split("\\u{");
        let mut name = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (code, rest) = part.split_once('}').unwrap();
            name.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
            name.push_str(rest);
        }
        name
    }

    proptest! {
        #[test]
        fn no_two_names_are_shown_alike(name in "([ \\\\u{}2a\u{202e}\u{200b}]|\\\\u\\{20\\}|\\PC){0,12}") {
            prop_assert_eq!(&read(&visible(&name)), &name);
        }
    }
}
