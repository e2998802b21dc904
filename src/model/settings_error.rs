use std::fmt;

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The setting's path, such as `origins.allowed`.
    pub key: &'static str,
    /// What is wrong with it, and what was expected. It never has a secret's value.
    pub problem: String,
}

impl SettingsError {
    /// What is wrong with the setting `key`.
    pub fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

impl std::error::Error for SettingsError {}
