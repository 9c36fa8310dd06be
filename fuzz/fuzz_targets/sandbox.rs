//! File operations of a guest that tries to escape. With `CAPWASI_NO_OPENAT2` set `openat2` fails, and `resolve.rs`
//! walks paths.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../plan/sandbox.rs"]
mod sandbox;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::{arbitrary, fuzz_target};

fuzz_target!(
    init: {
        if std::env::var_os("CAPWASI_NO_OPENAT2").is_some() {
            disable_openat2();
        }
    },
    |data: &[u8]| {
        let _ = sandbox::run(&mut Unstructured::new(data));
    }
);

/// Makes `openat2` fail with `ENOSYS` from now on, by a seccomp filter.
fn disable_openat2() {
    let statement = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // Loads the number of the system call, the first word.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_openat2 as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its filter live until the call returns, which copies them.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(result, 0);
    // SAFETY: the filter rejects the call before the kernel reads its arguments.
    assert_eq!(unsafe { libc::syscall(libc::SYS_openat2, 0, 0, 0, 0) }, -1);
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOSYS));
}
