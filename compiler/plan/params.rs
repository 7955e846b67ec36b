//! Parameters of a kind, as agents, gates and rules have them.
//!
//! Unaware of what they mean to the kind.

/// Parameters of a kind, in the order of its schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Params(pub Vec<(String, ParamValue)>);

/// A checked parameter in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParamValue {
    /// Text, a word, a number with its unit, or a located path.
    Text(String),
    /// A command, a list of globs, hosts or thresholds, or `NAME=value` of variables.
    List(Vec<String>),
}

impl Params {
    /// Returns a text parameter.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            ParamValue::Text(text) => Some(text),
            ParamValue::List(_) => None,
        }
    }

    /// Returns a list parameter.
    #[must_use]
    pub fn list(&self, key: &str) -> Option<&[String]> {
        match self.get(key)? {
            ParamValue::List(list) => Some(list),
            ParamValue::Text(_) => None,
        }
    }

    fn get(&self, key: &str) -> Option<&ParamValue> {
        self.0.iter().find_map(|(name, value)| (name == key).then_some(value))
    }
}
