//! What lies outside the preopens of a plan, as its host sees it: before the plan and after it, the same.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What a plan changes: the preopens, and where the host moves things.
const CHANGING: [&str; 3] = ["box", "other", "limbo"];

/// A file as its host sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    dev: u64,
    ino: u64,
    mode: u32,
    links: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Of a file; to list a directory is to access it.
    accessed: Option<(i64, i64)>,
    content: Vec<u8>,
}

/// All that lies outside, by path.
#[derive(Debug, PartialEq, Eq)]
pub struct Outside(BTreeMap<PathBuf, Seen>);

impl Outside {
    /// Of the directory that the preopens are in.
    pub fn of(root: &Path) -> Self {
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
                open_unnoticed(&path).read_to_end(&mut content).unwrap();
            }
            let seen = Seen {
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
            outside.insert(path, seen);
        }
        Self(outside)
    }

    /// Device and serial number of each.
    pub fn ids(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.values().map(|seen| (seen.dev, seen.ino))
    }
}

/// Opens a file without becoming its last reader, where that can be asked for.
fn open_unnoticed(path: &Path) -> std::fs::File {
    let mut options = std::fs::File::options();
    options.read(true);
    #[cfg(target_os = "linux")]
    options.custom_flags(libc::O_NOATIME);
    #[cfg(not(target_os = "linux"))]
    options.custom_flags(0);
    options.open(path).unwrap()
}
