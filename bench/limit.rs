//! Measures the rows of the benchmark as bare system calls, which are the lower bound for every implementation. Paths
//! are confined to a directory, as in a sandbox. A second thread runs, as in Node, because in a process with one thread
//! the kernel does not count references to descriptors.
//!
//!     cargo bench --bench limit -- FOLDER
//!
//! Prints JSON: the nanoseconds of each row, from the best of several rounds. Omits rows without a system call.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "the benchmark measures bare system calls"))]

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("{{}}");
}

#[cfg(target_os = "linux")]
fn main() {
    let folder = std::env::args().skip(1).find(|arg| arg != "--bench").expect("a folder");
    std::thread::spawn(|| {
        loop {
            std::thread::park();
        }
    });
    let limits: Vec<_> = linux::limits(&folder)
        .iter()
        .map(|(row, nanoseconds)| format!("\"{row}\":{nanoseconds:.1}"))
        .collect();
    println!("{{{}}}", limits.join(","));
}

#[cfg(target_os = "linux")]
mod linux {
    use libc::{c_char, c_int, c_long, c_void};
    use std::ffi::{CStr, CString};
    use std::time::Instant;

    const ROUNDS: usize = 15;
    const DEEP: &CStr = c"a/b/c/d/e/file";

    #[repr(C)]
    struct OpenHow {
        flags: u64,
        mode: u64,
        resolve: u64,
    }

    /// `RESOLVE_BENEATH` and `RESOLVE_NO_MAGICLINKS`.
    const BENEATH: u64 = 0x08 | 0x02;

    /// Opens a path beneath a directory: `openat2`. Returns -1 on errors.
    fn open(dir: c_int, path: &CStr, flags: c_int) -> c_int {
        let mode = if flags & libc::O_CREAT == 0 { 0 } else { 0o666 };
        let how = OpenHow { flags: flags as u64 | libc::O_CLOEXEC as u64, mode, resolve: BENEATH };
        // SAFETY: the path ends in NUL, and `how` has the size that is passed.
        unsafe {
            libc::syscall(libc::SYS_openat2, dir, path.as_ptr(), &raw const how, size_of::<OpenHow>())
                as c_int
        }
    }

    fn close(fd: c_int) {
        // SAFETY: `close` takes no pointers. After a failed `open`, `close(-1)` fails without harm.
        unsafe { libc::close(fd) };
    }

    /// Asserts that a system call succeeded.
    fn check(result: impl Into<i64>) {
        assert!(result.into() >= 0, "{}", std::io::Error::last_os_error());
    }

    /// Returns the nanoseconds of one call: the best round of `times` calls.
    fn time(times: u32, mut call: impl FnMut()) -> f64 {
        let round = |_| {
            let start = Instant::now();
            (0..times).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e9 / f64::from(times)
        };
        (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
    }

    fn open_file(dir: c_int, name: &CStr, flags: c_int) -> c_int {
        let fd = open(dir, name, flags);
        check(fd);
        fd
    }

    fn stat(fd: c_int) {
        // SAFETY: a zeroed `stat` is valid.
        let mut stat = unsafe { std::mem::zeroed::<libc::stat>() };
        // SAFETY: the call writes one structure, to `stat`.
        check(unsafe { libc::fstat(fd, &raw mut stat) });
    }

    /// Gets the attributes of a path, after opening the path beneath the directory.
    fn stat_path(dir: c_int, path: &CStr) {
        let fd = open(dir, path, libc::O_PATH);
        stat(fd);
        close(fd);
    }

    /// Gets the attributes of a single component without following a symlink, which could lead out. A symlink needs
    /// `stat_path`.
    fn stat_name(dir: c_int, name: &CStr) {
        // SAFETY: a zeroed `stat` is valid.
        let mut stat = unsafe { std::mem::zeroed::<libc::stat>() };
        // SAFETY: the path ends in NUL. The call writes one structure, to `stat`.
        check(unsafe { libc::fstatat(dir, name.as_ptr(), &raw mut stat, libc::AT_SYMLINK_NOFOLLOW) });
    }

    /// Reads a whole directory.
    fn readdir(dir: c_int, name: &CStr, buffer: &mut [u64]) {
        let fd = open_file(dir, name, libc::O_RDONLY | libc::O_DIRECTORY);
        let mut last = 1;
        while last > 0 {
            // SAFETY: `buffer` has the size that is passed.
            last =
                unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), size_of_val(buffer)) };
        }
        assert_eq!(last, 0);
        close(fd);
    }

    pub fn limits(folder: &str) -> Vec<(String, f64)> {
        let path = CString::new(folder).expect("a path");
        // SAFETY: the path ends in NUL.
        let dir = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC) };
        check(dir);
        let mut limits = clocks();
        limits.extend(files(dir).map(|(row, time)| (row.to_owned(), time)));
        limits.extend(paths(dir).map(|(row, time)| (row.to_owned(), time)));
        // The size of capwasi's buffer for getdents; the guest's buffer is smaller.
        let mut buffer = vec![0_u64; 4096];
        for count in [1_000, 30_000, 200_000] {
            let name = CString::new(count.to_string()).expect("no NUL");
            let each = time(1, || readdir(dir, &name, &mut buffer)) / f64::from(count);
            limits.push((format!("fd_readdir of {count}"), each));
        }
        limits
    }

    fn clocks() -> Vec<(String, f64)> {
        let mut time_now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes one structure, to `time_now`.
        let clock =
            time(100_000, || check(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time_now) }));
        // SAFETY: the call takes no arguments.
        let yielded = time(100_000, || check(unsafe { libc::sched_yield() }));
        vec![("clock_time_get".to_owned(), clock), ("sched_yield".to_owned(), yielded)]
    }

    type Rows<const N: usize> = std::array::IntoIter<(&'static str, f64), N>;

    fn files(dir: c_int) -> Rows<8> {
        let mut buffer = vec![0_u8; 1 << 20];
        let buffer: *mut c_void = buffer.as_mut_ptr().cast();
        let (null, zero) = (c"/dev/null".as_ptr(), c"/dev/zero".as_ptr());
        // SAFETY: the paths end in NUL.
        let (null, zero) = unsafe { (libc::open(null, libc::O_WRONLY), libc::open(zero, libc::O_RDONLY)) };
        let (file, large) =
            (open_file(dir, c"file", libc::O_RDONLY), open_file(dir, c"large", libc::O_RDONLY));
        let written = open_file(dir, c"written", libc::O_WRONLY);
        let write = |len: usize| {
            // SAFETY: `buffer` is as large as the largest transfer.
            time(100_000, || check(unsafe { libc::syscall(libc::SYS_write, null, buffer, len) }))
        };
        // SAFETY: as above.
        let read =
            |len: usize| time(100_000, || check(unsafe { libc::syscall(libc::SYS_read, zero, buffer, len) }));
        let pread = |fd: c_int, len: usize, times| {
            // SAFETY: as above.
            time(times, || check(unsafe { libc::syscall(libc::SYS_pread64, fd, buffer, len, 0_i64) }))
        };
        let pwrite = time(50_000, || {
            // SAFETY: as above.
            check(unsafe { libc::syscall(libc::SYS_pwrite64, written, buffer, 4096_usize, 0_i64) });
        });
        [
            ("fd_filestat_get", time(100_000, || stat(file))),
            ("fd_write 1 B", write(1)),
            ("fd_write 4 KiB", write(4096)),
            ("fd_read 1 B", read(1)),
            ("fd_read 4 KiB", read(4096)),
            ("fd_pread 16 B", pread(file, 16, 100_000)),
            ("fd_pread 1 MiB", pread(large, 1 << 20, 500)),
            ("fd_pwrite 4 KiB", pwrite),
        ]
        .into_iter()
    }

    fn paths(dir: c_int) -> Rows<10> {
        let opened = |path: &'static CStr| time(20_000, || close(open_file(dir, path, libc::O_RDONLY)));
        let mut target = [0 as c_char; 100];
        let link = time(50_000, || {
            // SAFETY: the path ends in NUL, and `target` has the size that is passed.
            check(unsafe { libc::readlinkat(dir, c"link".as_ptr(), target.as_mut_ptr(), 100) } as c_long);
        });
        [
            ("path_open+fd_close", opened(c"file")),
            ("path_open+fd_close deep", opened(DEEP)),
            ("path_open+fd_close link", opened(c"link")),
            ("path_open missing", time(20_000, || assert!(open(dir, c"missing", libc::O_RDONLY) < 0))),
            ("path_filestat_get", time(50_000, || stat_name(dir, c"file"))),
            ("path_filestat_get deep", time(20_000, || stat_path(dir, DEEP))),
            ("path_filestat_get link", time(20_000, || stat_path(dir, c"link"))),
            ("path_readlink", link),
            ("mkdir+rmdir", time(5_000, || make_and_remove(dir))),
            ("create+write+rename+unlink", time(5_000, || create_and_remove(dir))),
        ]
        .into_iter()
    }

    fn make_and_remove(dir: c_int) {
        let name = c"made-bare".as_ptr();
        // SAFETY: the paths end in NUL.
        unsafe {
            check(libc::mkdirat(dir, name, 0o777));
            check(libc::unlinkat(dir, name, libc::AT_REMOVEDIR));
        }
    }

    fn create_and_remove(dir: c_int) {
        let (new, old) = (c"new-bare", c"old-bare".as_ptr());
        let fd = open_file(dir, new, libc::O_CREAT | libc::O_WRONLY);
        // SAFETY: the paths end in NUL, and the array has 16 bytes.
        unsafe {
            check(libc::write(fd, [0_u8; 16].as_ptr().cast(), 16) as i64);
            close(fd);
            check(libc::renameat(dir, new.as_ptr(), dir, old));
            check(libc::unlinkat(dir, old, 0));
        }
    }
}
