//! Directories in memory.

mod common;

use capwasi::core::fs::memory::MemoryDirectory;
use capwasi::core::fs::space::SpaceLimits;
use common::directories::{guest, list, names, path_call, write};
use common::{TestGuest, UMASK};
use std::collections::BTreeSet;

fn empty() -> (MemoryDirectory, TestGuest) {
    let directory = MemoryDirectory::new(SpaceLimits::default(), UMASK, 0);
    let guest = guest(&directory);
    (directory, guest)
}

#[test]
fn a_listing_during_removals_and_creations_returns_every_kept_name_once() {
    let (_, mut guest) = empty();
    for index in 0..1_000 {
        write(&mut guest, &format!("{index:04}"), "");
    }
    let mut removed = BTreeSet::new();
    let mut count = 0;
    // Removes names before and after the position until few are left, so that the directory moves its entries.
    let listed = list(&mut guest, ".", |guest, name| {
        let Ok(index) = name.parse::<u32>() else { return };
        for other in [index, index + 1, index + 500, 999 - index].map(|index| format!("{index:04}")) {
            if index % 100 != 0 && !other.ends_with("00") && removed.insert(other.clone()) {
                let _ = path_call(guest, "path_unlink_file", &other);
            }
        }
        write(guest, &format!("new-{count}"), "");
        count += 1;
    });
    let mut once = BTreeSet::new();
    for (name, _) in &listed {
        assert!(once.insert(name), "{name} twice");
    }
    for kept in (0..10).map(|hundred| format!("{:04}", hundred * 100)) {
        assert!(once.contains(&kept), "{kept} is missing");
    }
    let left = names(&mut guest, ".");
    assert_eq!(left.iter().filter(|name| !name.starts_with("new")).count(), 10, "{left:?}");
    assert_eq!(left.iter().filter(|name| name.starts_with("new")).count(), count);
}

#[cfg(target_os = "linux")]
#[test]
fn an_emptied_directory_frees_its_memory() {
    const FILES: usize = 40_000;
    let (directory, mut guest) = empty();
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let mut before = 0;
    for round in 0..6 {
        let path = format!("directory-{round}");
        guest.reset();
        path_call(&mut guest, "path_create_directory", &path).unwrap();
        for index in 0..FILES {
            write(&mut guest, &format!("{path}/{index}"), "");
        }
        for index in 0..FILES {
            guest.reset();
            path_call(&mut guest, "path_unlink_file", &format!("{path}/{index}")).unwrap();
        }
        if round == 0 {
            before = resident();
        }
    }
    assert_eq!(directory.usage().1, 6);
    let growth = resident().saturating_sub(before);
    assert!(growth < 4 << 20, "{growth} bytes");
}
