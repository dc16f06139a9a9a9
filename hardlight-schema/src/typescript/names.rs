//! Names, as TypeScript has them.

/// Words that no parameter is called by.
const RESERVED: [&str; 48] = [
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "options",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
];

/// A name as JavaScript has it: `sent_at` is `sentAt`. `js/types.js` of `hardlight-wasm` does the same.
pub(super) fn camel_case(name: &str) -> String {
    let body = name.trim_start_matches('_');
    let mut camel = name[..name.len() - body.len()].to_owned();
    let mut parts = body.split('_');
    camel.extend(parts.next());
    let mut trailing = 0;
    for part in parts {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) => {
                camel.extend(first.to_uppercase());
                camel.push_str(letters.as_str());
                trailing = 0;
            }
            None => trailing += 1,
        }
    }
    camel.extend(std::iter::repeat_n('_', trailing));
    camel
}

/// The name of a parameter.
pub(super) fn parameter(name: &str) -> String {
    let name = camel_case(name);
    if RESERVED.contains(&name.as_str()) { name + "_" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_begin_a_word() {
        for (name, expected) in [
            ("id", "id"),
            ("sent_at", "sentAt"),
            ("_hidden_field", "_hiddenField"),
            ("a__b", "aB"),
            ("part_2", "part2"),
            ("trailing_", "trailing_"),
            ("größe_über", "größeÜber"),
        ] {
            assert_eq!(camel_case(name), expected);
        }
    }

    #[test]
    fn a_parameter_is_no_reserved_word() {
        assert_eq!(parameter("function"), "function_");
        assert_eq!(parameter("options"), "options_");
        assert_eq!(parameter("amount"), "amount");
    }
}
