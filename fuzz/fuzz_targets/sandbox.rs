//! File operations of a guest that wants out. With `CAPWASI_NO_OPENAT2` set the kernel refuses `openat2`, and
//! `resolve.rs` walks paths.
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
            refuse_openat2();
        }
    },
    |data: &[u8]| {
        let _ = sandbox::run(&mut Unstructured::new(data));
    }
);

/// Makes `openat2` fail with `ENOSYS` from here on.
fn refuse_openat2() {
    let statement = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // The number of the call is the first word.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_openat2 as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its filter are alive for the time of the call, which copies them.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(refused, 0);
    // SAFETY: the kernel looks at no argument of a call it refuses.
    assert_eq!(unsafe { libc::syscall(libc::SYS_openat2, 0, 0, 0, 0) }, -1);
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOSYS));
}
