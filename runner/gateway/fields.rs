//! The fields of a request for a response: which are let through, which are
//! refused, and the request as it goes out.
//!
//! An allow-list. What is known to cost money that is not accounted for, to run
//! elsewhere or to fetch something from elsewhere is refused; what is not known
//! is left out, and told. Values are carried as they came, unread. Unaware of
//! what they mean.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Fields that go out as they came.
const CARRIED: &[&str] = &[
    "model",
    "instructions",
    "input",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "include",
    "prompt_cache_key",
    "text",
];

/// Fields that the gateway itself writes, or that only it reads.
const OWN: &[&str] = &["stream", "store", "max_output_tokens", "client_metadata"];

/// Fields that are refused, with the reason.
const REFUSED: &[(&str, &str)] = &[
    ("previous_response_id", "the history must be in the request, where it can be counted"),
    ("conversation", "the history must be in the request, where it can be counted"),
    ("background", "a response that nobody waits for cannot be accounted for"),
    ("service_tier", "another tier has another price"),
    ("prompt", "a stored prompt cannot be counted"),
];

/// The fields of a request, in their order.
#[derive(Debug)]
pub(super) struct Fields<'b> {
    fields: Vec<(String, &'b RawValue)>,
    /// Fields that are left out since nobody knows them.
    pub(super) dropped: Vec<String>,
}

impl<'b> Fields<'b> {
    /// Reads the fields of a request; the error says which one is not allowed.
    pub(super) fn read(body: &'b [u8]) -> Result<Self, String> {
        let All(mut fields) = serde_json::from_slice(body)
            .map_err(|error| format!("the gateway does not let this request through: {error}"))?;
        for (name, value) in &fields {
            let refused = REFUSED.iter().find(|(refused, _)| refused == name);
            // Said to be off, it is as good as not said.
            if let Some((_, reason)) = refused.filter(|_| !matches!(value.get(), "null" | "false"))
            {
                return Err(format!("the gateway does not let `{name}` through: {reason}"));
            }
        }
        let known = |name: &str| {
            let refused = REFUSED.iter().map(|(refused, _)| refused);
            CARRIED.iter().chain(OWN).chain(refused).any(|known| *known == name)
        };
        let dropped = fields.iter().map(|(name, _)| name).filter(|name| !known(name));
        let dropped = dropped.cloned().collect();
        fields.retain(|(name, _)| CARRIED.contains(&name.as_str()));
        Ok(Self { fields, dropped })
    }

    /// Writes the request as it goes to a provider: streamed, stored nowhere,
    /// with an answer of at most so many tokens.
    pub(super) fn write(&self, output: u64) -> Bytes {
        let size: usize =
            self.fields.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum();
        let mut out = String::with_capacity(size + 80);
        out.push('{');
        for (name, value) in &self.fields {
            out.push_str(&format!("\"{name}\":"));
            out.push_str(value.get());
            out.push(',');
        }
        out.push_str(&format!("\"max_output_tokens\":{output},\"store\":false,\"stream\":true}}"));
        out.into()
    }

    /// Returns the text of a field.
    pub(super) fn get(&self, name: &str) -> Option<&'b str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.get())
    }
}

/// All fields of an object. One that stands there twice has no meaning that all
/// readers share.
pub(super) struct All<'b>(pub(super) Vec<(String, &'b RawValue)>);

impl<'de> Deserialize<'de> for All<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = All<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<All<'de>, M::Error> {
                let mut all: Vec<(String, &RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if all.iter().any(|(known, _)| *known == name) {
                        return Err(M::Error::custom(format!("duplicate field `{name}`")));
                    }
                    if all.len() == FIELDS_MAX {
                        return Err(M::Error::custom("too many fields"));
                    }
                    all.push((name, value));
                }
                Ok(All(all))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// More fields than any request has.
const FIELDS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fields_go_out_as_they_came_and_unknown_ones_do_not() {
        let body = br#"{"model":"m","input":[ {"a": 1.50} ],"stream":false,"store":true,"sparkle":1,
            "max_output_tokens":9,"client_metadata":{"x":"y"},"background":false,"service_tier":null}"#;
        let fields = Fields::read(body).unwrap();
        assert_eq!(fields.dropped, ["sparkle"]);
        let expected = r#"{"model":"m","input":[ {"a": 1.50} ],"max_output_tokens":77,"store":false,"stream":true}"#;
        assert_eq!(fields.write(77), expected);
    }

    #[test]
    fn what_cannot_be_accounted_for_is_refused() {
        for (name, _) in REFUSED {
            let body = format!(r#"{{"model":"m","{name}":"x"}}"#);
            let fault = Fields::read(body.as_bytes()).expect_err("refused");
            assert!(fault.contains(&format!("does not let `{name}` through")), "{fault}");
        }
        for body in ["[]", r#"{"model":"m","model":"n"}"#, r#"{"model":"m""#, ""] {
            assert!(Fields::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
