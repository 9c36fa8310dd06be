//! Overlays, for `Directory`: making them, listing their changes and applying these to another directory.

use super::opening::{open_host, space_limits};
use super::path_call::{read_directory, retry, throw, throw_at};
use crate::core::directory::Directory;
use crate::core::fs::changes::{Change, ChangeKind};
use crate::core::shared_directory::SharedDirectory;
use crate::node::callback::{Callback, RawArgs, callbacks};
use crate::node::env_state::EnvState;
use crate::node::options::DirectorySource;
use crate::node::value::Value;
use crate::sys::errno::Errno;
use crate::sys::types::Filetype;
use napi::Result;
use std::sync::Arc;

callbacks! {
    /// `overlay(lower, umask, maxBytes, maxFiles)`: creates an overlay over a path of the host, or over the directory
    /// with a number. Such a path needs the permission to read only. Undefined if too many overlays are over each
    /// other.
    Overlay "overlay" |state, args| {
        let [lower, umask, max_bytes, max_files, _] = args.read()?;
        let umask = umask.convert::<u32>()? as u16;
        let limits = space_limits(max_bytes, max_files)?;
        let path = lower.string()?;
        let failed = |errno| throw(state, errno, "open", path.as_deref(), None);
        let lower = match &path {
            Some(path) => open_host(state, &DirectorySource::Path(path.clone()), true)?,
            None => state.directory(lower.convert()?).ok_or_else(|| failed(Errno::Badf))?,
        };
        let overlay = match SharedDirectory::overlay(&lower, limits, umask) {
            Err(Errno::Loop) => return Ok(None),
            overlay => overlay.map_err(failed)?,
        };
        Value::of(&state.env, state.add_own_directory(overlay)).map(Some)
    }

    /// `changes(id)`: the path, the change and the type of each change, in one array. Undefined for other directories
    /// than overlays.
    Changes "changes" |state, args| {
        let (directory, _) = read_directory(state, args, "changes")?;
        let overlay = match directory.directory() {
            Directory::Memory(memory) if memory.is_overlay() => memory,
            _ => return Ok(None),
        };
        let changes = retry(|| overlay.changes()).map_err(|error| throw_at(state, &error, "changes"))?;
        let array = Value::array(&state.env, changes.len() * 3)?;
        for (index, change) in (0..).step_by(3).zip(&changes) {
            array.set_element(index, Value::of(&state.env, &*String::from_utf8_lossy(&change.path))?)?;
            array.set_element(index + 1, Value::of(&state.env, kind_name(change))?)?;
            array.set_element(index + 2, Value::of(&state.env, type_name(change))?)?;
        }
        Ok(Some(array))
    }

    /// `applyTo(id, target)`: applies the changes of an overlay to the directory with another number. Returns whether
    /// the first directory is an overlay.
    ApplyTo "applyTo" |state, args| {
        let (directory, args) = read_directory(state, args, "applyTo")?;
        let failed = |errno| throw(state, errno, "applyTo", None, None);
        let id = args[1].convert()?;
        let target = state.directory(id).ok_or_else(|| failed(Errno::Badf))?;
        let overlay = match directory.directory() {
            Directory::Memory(memory) if memory.is_overlay() => memory,
            _ => return Value::of(&state.env, false).map(Some),
        };
        if matches!(target.directory(), Directory::Memory(target) if Arc::ptr_eq(target.inode(), overlay.inode())) {
            return Err(failed(Errno::Inval));
        }
        if target.is_readonly() {
            return Err(failed(Errno::Rofs));
        }
        let applied = overlay.apply_to(target.directory());
        state.report_directory(id);
        applied.map_err(|error| throw_at(state, &error, "applyTo"))?;
        Value::of(&state.env, true).map(Some)
    }
}

fn kind_name(change: &Change) -> &'static str {
    match change.kind {
        ChangeKind::Added => "added",
        ChangeKind::Modified => "modified",
        ChangeKind::Removed => "removed",
    }
}

/// Returns the type in the words of `Directory.changes()`. A FIFO, socket or device of the host is a file.
fn type_name(change: &Change) -> &'static str {
    match change.filetype {
        Filetype::Directory => "directory",
        Filetype::SymbolicLink => "symlink",
        _ => "file",
    }
}
