//! The version of WASI.

use crate::preview1::describe::CallFormat;
use crate::preview1::imports::{preview1, unstable};

/// A value of the option `version`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// No version: Node's module `wasi` as first documented.
    Unversioned,
    /// `'unstable'`: the current module, with the layouts of snapshot 0.
    Unstable,
    /// `'preview1'`
    Preview1,
}

impl Version {
    pub(crate) fn is_unversioned(self) -> bool {
        self == Version::Unversioned
    }

    /// Returns the formats of calls, for the option `trace`.
    pub(crate) fn call_formats(self) -> &'static [CallFormat] {
        match self {
            Version::Unstable => unstable::CALL_FORMATS,
            Version::Unversioned | Version::Preview1 => preview1::CALL_FORMATS,
        }
    }

    /// Returns the module that guests import from.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Version::Unstable => "wasi_unstable",
            Version::Unversioned | Version::Preview1 => "wasi_snapshot_preview1",
        }
    }
}
