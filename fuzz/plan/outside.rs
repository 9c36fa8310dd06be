//! The files outside the preopens of a plan, as the host sees them. A plan must leave them unchanged.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Directories that a plan changes: the preopens, and the directory to which the host moves files.
const CHANGING: [&str; 3] = ["box", "other", "limbo"];

/// State of a file.
#[derive(Debug, PartialEq, Eq)]
struct FileState {
    dev: u64,
    ino: u64,
    mode: u32,
    links: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// `None` for a directory: recording a directory changes its access time.
    accessed: Option<(i64, i64)>,
    content: Vec<u8>,
}

/// State of all files outside, by path.
#[derive(Debug, PartialEq, Eq)]
pub struct Outside(BTreeMap<PathBuf, FileState>);

impl Outside {
    /// Records the files below the directory that contains the preopens.
    pub fn record(root: &Path) -> Self {
        let mut outside = BTreeMap::new();
        let mut pending = vec![root.to_owned()];
        while let Some(path) = pending.pop() {
            let metadata = path.symlink_metadata().unwrap();
            let mut content = Vec::new();
            if metadata.is_dir() {
                let mut names: Vec<_> =
                    path.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
                names.sort();
                for name in names {
                    content.extend(name.as_encoded_bytes());
                    content.push(b'/');
                    if path != root || !CHANGING.iter().any(|changing| name == *changing) {
                        pending.push(path.join(&name));
                    }
                }
            } else {
                open_noatime(&path).read_to_end(&mut content).unwrap();
            }
            let state = FileState {
                dev: metadata.dev(),
                ino: metadata.ino(),
                mode: metadata.mode(),
                links: metadata.nlink(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
                accessed: (cfg!(target_os = "linux") && metadata.is_file())
                    .then(|| (metadata.atime(), metadata.atime_nsec())),
                content,
            };
            outside.insert(path, state);
        }
        Self(outside)
    }

    /// Returns the device and inode number of each file.
    pub fn ids(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.values().map(|state| (state.dev, state.ino))
    }
}

/// Opens a file for reading and leaves its access time unchanged, where the system allows that.
fn open_noatime(path: &Path) -> std::fs::File {
    let mut options = std::fs::File::options();
    options.read(true);
    #[cfg(target_os = "linux")]
    options.custom_flags(libc::O_NOATIME);
    #[cfg(not(target_os = "linux"))]
    options.custom_flags(0);
    options.open(path).unwrap()
}
