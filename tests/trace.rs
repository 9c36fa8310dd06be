//! Calls as text: the format of each type. For any arguments, the length of a line is bounded, and formatting reads
//! only guest memory.

use capwasi::core::memory::Memory;
use capwasi::preview1::abi::{CoreArgs, MAX_PARAMS, Signature};
use capwasi::preview1::describe::{CallFormat, Format};
use capwasi::preview1::imports::{Import, Visitor, preview1, unstable};
use capwasi::sys::errno::Errno;
use std::time::Duration;

/// The functions of a table, in its order.
#[derive(Default)]
struct Names(Vec<(&'static str, Signature)>);

impl Visitor for Names {
    fn visit<I: Import>(&mut self) {
        self.0.push((I::NAME, I::SIGNATURE));
    }
}

fn preview1() -> Names {
    let mut names = Names::default();
    preview1::visit(&mut names);
    names
}

fn unstable() -> Names {
    let mut names = Names::default();
    unstable::visit(&mut names);
    names
}

fn format_of(names: &Names, table: &'static [CallFormat], name: &str) -> &'static CallFormat {
    &table[names.0.iter().position(|(function, _)| *function == name).unwrap()]
}

fn core(args: &[u64]) -> CoreArgs {
    let mut core = [0; MAX_PARAMS];
    core[..args.len()].copy_from_slice(args);
    core
}

/// A memory with given bytes at given offsets.
struct Bytes(Vec<u8>);

impl Bytes {
    fn new(parts: &[(usize, &[u8])]) -> Self {
        let mut bytes = vec![0; 4096 * 4];
        for (at, part) in parts {
            bytes[*at..at + part.len()].copy_from_slice(part);
        }
        Self(bytes)
    }

    fn memory(&mut self) -> Memory {
        // SAFETY: callers use the memory in the same statement, while the vector is borrowed.
        unsafe { Memory::new(self.0.as_mut_ptr(), self.0.len()) }
    }

    fn call(&mut self, name: &str, args: &[u64]) -> String {
        name.to_owned()
            + &format_of(&preview1(), preview1::CALL_FORMATS, name).call(self.memory(), Some(&core(args)))
    }

    fn result(&mut self, name: &str, args: &[u64], errno: u32) -> String {
        let elapsed = Duration::from_micros(1_000_041);
        let line = format_of(&preview1(), preview1::CALL_FORMATS, name).result(
            self.memory(),
            Some(&core(args)),
            Some(errno),
            elapsed,
        );
        line.strip_suffix(" <1.000041>").unwrap().to_owned()
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn formats_of_arguments_and_results_cover_every_core_parameter() {
    for (names, table) in [(preview1(), preview1::CALL_FORMATS), (unstable(), unstable::CALL_FORMATS)] {
        assert_eq!(names.0.len(), table.len());
        for ((name, signature), format) in names.0.iter().zip(table) {
            let args: usize = format.args.iter().map(Format::width).sum();
            assert_eq!(args + format.result.pointers(), signature.params().len(), "{name}");
        }
    }
}

#[test]
fn path_open_is_formatted_with_names_of_flags_and_rights() {
    let mut bytes = Bytes::new(&[(100, b"etc/hosts"), (200, &words(&[4]))]);
    let args = [3, 1, 100, 9, 9, 0x42, 0, 0, 200];
    assert_eq!(
        bytes.call("path_open", &args),
        r#"path_open(3, SYMLINK_FOLLOW, "etc/hosts", CREAT|TRUNC, FD_READ|FD_WRITE, 0, 0)"#
    );
    assert_eq!(bytes.result("path_open", &args, 0), " = 4");
    assert_eq!(bytes.result("path_open", &args, Errno::Noent as u32), " = ENOENT");
}

#[test]
fn nearly_full_rights_are_formatted_as_the_missing_ones() {
    let mut bytes = Bytes::new(&[]);
    let all = (1 << 30) - 1;
    assert_eq!(
        bytes.call("fd_fdstat_set_rights", &[4, all, all & !0x42]),
        "fd_fdstat_set_rights(4, ~0, ~(FD_READ|FD_WRITE))"
    );
}

#[test]
fn unknown_bits_are_formatted_as_a_number() {
    let mut bytes = Bytes::new(&[]);
    assert_eq!(bytes.call("fd_fdstat_set_flags", &[4, 0x101]), "fd_fdstat_set_flags(4, APPEND|0x100)");
    assert_eq!(bytes.call("sock_shutdown", &[4, 0]), "sock_shutdown(4, 0)");
}

#[test]
fn enumerations_are_formatted_by_name_and_unknown_values_as_numbers() {
    let mut bytes = Bytes::new(&[]);
    assert_eq!(bytes.call("clock_res_get", &[2, 0]), "clock_res_get(PROCESS_CPUTIME_ID)");
    assert_eq!(bytes.call("clock_res_get", &[9, 0]), "clock_res_get(9)");
    assert_eq!(bytes.call("fd_seek", &[4, u64::MAX, 2, 0]), "fd_seek(4, -1, END)");
    let unstable = format_of(&unstable(), unstable::CALL_FORMATS, "fd_seek");
    assert_eq!(unstable.call(bytes.memory(), Some(&core(&[4, 0, 2, 0]))), "(4, 0, SET)");
}

#[test]
fn written_buffers_are_formatted_by_contents_and_read_buffers_by_size() {
    let mut bytes = Bytes::new(&[(100, &words(&[500, 6, 600, 0])), (500, b"hello\n")]);
    assert_eq!(bytes.call("fd_write", &[1, 100, 2, 0]), r#"fd_write(1, ["hello\n", ""])"#);
    assert_eq!(bytes.call("fd_read", &[0, 100, 2, 0]), "fd_read(0, [6, 0])");
    assert_eq!(bytes.call("random_get", &[100, 16]), "random_get(0x64, 16)");
}

#[test]
fn strings_are_escaped_like_strace() {
    let text = b"\"\\\t\r\x0b\x0c\x00\x001\x1b[0m\xc3\xa9";
    let mut bytes = Bytes::new(&[(100, &words(&[500, text.len() as u32])), (500, text)]);
    assert_eq!(
        bytes.call("fd_write", &[1, 100, 1, 0]),
        r#"fd_write(1, ["\"\\\t\r\v\f\0\0001\33[0m\303\251"])"#
    );
}

#[test]
fn strings_are_truncated_to_32_bytes_but_paths_are_not() {
    let text = [b'x'; 33];
    let mut bytes = Bytes::new(&[(100, &words(&[500, 33, 500, 32])), (500, &text)]);
    let truncated = "x".repeat(32);
    assert_eq!(
        bytes.call("fd_write", &[1, 100, 2, 0]),
        format!(r#"fd_write(1, ["{truncated}"..., "{truncated}"])"#)
    );
    assert_eq!(
        bytes.call("path_unlink_file", &[3, 500, 33]),
        format!(r#"path_unlink_file(3, "{truncated}x")"#)
    );
}

#[test]
fn a_line_is_bounded_for_any_length_that_a_guest_passes() {
    let mut bytes = Bytes::new(&[(100, &words(&[500; 18]))]);
    let eight = "[500, 500, 500, 500, 500, 500, 500, 500, ...]";
    assert_eq!(bytes.call("fd_read", &[0, 100, 9, 0]), format!("fd_read(0, {eight})"));
    assert_eq!(bytes.call("fd_read", &[0, 100, 0xffff_ffff, 0]), format!("fd_read(0, {eight})"));
    bytes.0.fill(b'x');
    assert!(bytes.call("path_unlink_file", &[3, 0, 16_000]).len() < 4200);
}

#[test]
fn a_pointer_out_of_bounds_is_formatted_as_an_address() {
    let mut bytes = Bytes::new(&[(100, &words(&[0xffff_0000, 10]))]);
    assert_eq!(bytes.call("path_unlink_file", &[3, 0xffff_fff0, 100]), "path_unlink_file(3, 0xfffffff0)");
    assert_eq!(bytes.call("path_unlink_file", &[3, 0, 0xffff_ffff]), "path_unlink_file(3, 0x0)");
    assert_eq!(bytes.call("fd_write", &[1, 0xffff_fff0, 1, 0]), "fd_write(1, 0xfffffff0)");
    assert_eq!(bytes.call("fd_write", &[1, 100, 1, 0]), "fd_write(1, [0xffff0000])");
    assert_eq!(bytes.call("poll_oneoff", &[0xffff_fff0, 0, 1, 0]), "poll_oneoff(0xfffffff0, 0x0, 1)");
}

#[test]
fn results_are_read_from_guest_memory() {
    let mut stat = vec![0; 64];
    stat[0] = 7;
    stat[16] = 4;
    stat[32] = 5;
    let mut bytes = Bytes::new(&[(100, &stat), (200, &words(&[2, 30]))]);
    assert_eq!(
        bytes.result("fd_filestat_get", &[4, 100], 0),
        " = {dev=7, ino=0, filetype=REGULAR_FILE, nlink=0, size=5, atim=0, mtim=0, ctim=0}"
    );
    assert_eq!(bytes.result("args_sizes_get", &[200, 204], 0), " = (2, 30)");
    assert_eq!(bytes.result("fd_close", &[4], 0), " = 0");
    assert_eq!(bytes.result("fd_close", &[4], Errno::TooBig as u32), " = E2BIG");
}

#[test]
fn subscriptions_are_formatted_in_both_layouts() {
    let mut clock = vec![0; 48];
    clock[0] = 7;
    clock[16] = 1;
    clock[24] = 9;
    clock[40] = 1;
    let mut read = vec![0; 48];
    read[8] = 1;
    let mut bytes = Bytes::new(&[(100, &clock), (148, &read)]);
    let line =
        "poll_oneoff([{userdata=7, CLOCK, MONOTONIC, 9, ABSTIME}, {userdata=0, FD_READ, 0}], 0x300, 2)";
    assert_eq!(bytes.call("poll_oneoff", &[100, 0x300, 2, 0]), line);
    let mut snapshot0 = vec![0; 56];
    snapshot0[24] = 1;
    snapshot0[32] = 9;
    let mut bytes = Bytes::new(&[(100, &snapshot0)]);
    assert_eq!(
        format_of(&unstable(), unstable::CALL_FORMATS, "poll_oneoff")
            .call(bytes.memory(), Some(&core(&[100, 0x300, 1, 0]))),
        "([{userdata=0, CLOCK, MONOTONIC, 9, 0}], 0x300, 1)"
    );
}
