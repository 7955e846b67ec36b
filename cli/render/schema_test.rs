//! Tells whether a document fits a published schema, for the tests of documents.
//!
//! Unaware of what the documents say.

use serde_json::Value;

/// Checks a value against the part of JSON Schema that ours uses, and that it
/// has no key the schema does not name. Any other keyword is a panic.
pub(crate) fn fits(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let target = rule.as_str().unwrap().strip_prefix('#').unwrap();
                fits(value, root.pointer(target).unwrap(), root)?;
                true
            }
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64(),
                other => panic!("{other} is not known here"),
            },
            "const" => value == rule,
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| fits(value, rule, root).is_ok()),
            "enum" => rule.as_array().unwrap().contains(value),
            "additionalProperties" => {
                let named = schema["properties"].as_object();
                let others = value.as_object().ok_or("no object")?.iter();
                let others =
                    others.filter(|(key, _)| !named.is_some_and(|it| it.contains_key(*key)));
                for (_, value) in others {
                    fits(value, rule, root)?;
                }
                true
            }
            "minimum" => value.as_u64() >= rule.as_u64(),
            "pattern" => {
                assert_eq!(rule, "^[EW][0-9]{4}$");
                let text = value.as_str().ok_or("no text")?;
                text.len() == 5 && text[1..].bytes().all(|byte| byte.is_ascii_digit())
            }
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|key| value.get(key.as_str().unwrap()).is_some()),
            "properties" => {
                for (key, value) in value.as_object().ok_or("no object")? {
                    let rule = rule.get(key).ok_or(format!("the schema has no {key}"))?;
                    fits(value, rule, root)?;
                }
                true
            }
            "items" => {
                value
                    .as_array()
                    .ok_or("no list")?
                    .iter()
                    .try_for_each(|it| fits(it, rule, root))?;
                true
            }
            other => panic!("{other} is not known here"),
        };
        if !holds {
            return Err(format!("{value} does not fit {keyword} {rule}"));
        }
    }
    Ok(())
}
