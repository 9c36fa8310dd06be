//! Import tables, numbers and layouts, compared with the official witx of preview1 and the differences of snapshot 0.
//! The crate `wasip1` contains the witx.

mod common;

use bitflags::Flags;
use capwasi::core::layout::{Load, Store};
use capwasi::core::memory::{Iovec, Size};
use capwasi::core::rights::Rights;
use capwasi::core::table::Fd;
use capwasi::preview1::abi::CoreType;
use capwasi::preview1::snapshot0;
use capwasi::preview1::types::{
    Dirent, Event, Eventrwflags, Eventtype, Fdstat, Fstflags, Lookupflags, Prestat, Roflags, Subclockflags,
    Subscription, Userdata,
};
use capwasi::sys::errno::Errno;
use capwasi::sys::types::{
    Advice, Clockid, Dircookie, Fdflags, Filedelta, Filesize, Filestat, Filetype, Oflags, Riflags, Sdflags,
    Timestamp, Whence,
};
use common::Functions;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use witx::{Document, Id, InterfaceFunc, Layout, RecordDatatype, Type, Variant, WasmType};

/// Runs cargo and returns its output.
fn cargo(args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Loads the witx of preview1, which is in the folder of `wasip1`. `cargo metadata` knows the folder.
fn document() -> Document {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = cargo(&["metadata", "--locked", "--format-version", "1", "--filter-platform", host]);
    let manifest = metadata
        .split("\"manifest_path\":\"")
        .skip(1)
        .map(|rest| PathBuf::from(rest.split('"').next().unwrap().replace("\\\\", "\\")))
        .find(|path| path.parent().unwrap().file_name().unwrap().to_string_lossy().starts_with("wasip1-"))
        .expect("wasip1 is a dependency");
    witx::load(&[manifest.with_file_name("wasi_snapshot_preview1.witx")]).unwrap()
}

fn functions(document: &Document) -> Vec<Rc<InterfaceFunc>> {
    document.module(&Id::new("wasi_snapshot_preview1")).unwrap().funcs().collect()
}

fn type_of(document: &Document, name: &str) -> Rc<Type> {
    let named = document.typename(&Id::new(name)).unwrap_or_else(|| panic!("the witx has a {name}"));
    Rc::clone(named.type_())
}

fn record(document: &Document, name: &str) -> RecordDatatype {
    match &*type_of(document, name) {
        Type::Record(record) => record.clone(),
        other => panic!("{name} is a {}", other.kind()),
    }
}

fn variant(document: &Document, name: &str) -> Variant {
    match &*type_of(document, name) {
        Type::Variant(variant) => variant.clone(),
        other => panic!("{name} is a {}", other.kind()),
    }
}

/// Converts `ProcessCputimeId` to `process_cputime_id`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// Names and offsets of fields.
type Fields = Vec<(String, usize)>;

fn fields(record: &RecordDatatype, start: usize) -> Fields {
    record
        .member_layout()
        .iter()
        .map(|layout| (layout.member.name.as_str().to_owned(), start + layout.offset))
        .collect()
}

fn ours(fields: &[(&str, usize)]) -> Fields {
    fields.iter().map(|(name, offset)| (name.trim_start_matches("r#").to_owned(), *offset)).collect()
}

fn offset_of(record: &RecordDatatype, name: &str) -> usize {
    fields(record, 0).into_iter().find(|(field, _)| field == name).unwrap().1
}

#[test]
fn preview1_has_exactly_the_functions_of_the_witx() {
    let document = document();
    let mut expected: Vec<_> =
        functions(&document).iter().map(|function| function.name.as_str().to_owned()).collect();
    expected.sort();
    assert_eq!(expected.len(), 46);
    assert_eq!(Functions::preview1().0.into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn unstable_has_the_functions_of_preview1_except_sock_accept() {
    let mut expected = Functions::preview1().0;
    assert!(expected.remove("sock_accept").is_some());
    let functions = Functions::unstable().0;
    assert_eq!(functions.len(), 45);
    assert_eq!(functions.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, (signature, _)) in functions {
        assert_eq!(signature.params(), expected[name].0.params(), "{name}");
        assert_eq!(signature.returns, expected[name].0.returns, "{name}");
    }
}

#[test]
fn every_function_has_the_core_signature_of_the_witx() {
    let table = Functions::preview1().0;
    for function in functions(&document()) {
        let (signature, _) = table[function.name.as_str()];
        let (params, results) = function.wasm_signature();
        let core = |param: &WasmType| match param {
            WasmType::I32 => CoreType::I32,
            WasmType::I64 => CoreType::I64,
            other => panic!("preview1 has no {other:?}"),
        };
        let params: Vec<_> = params.iter().map(core).collect();
        assert_eq!(signature.params(), params, "{}", function.name.as_str());
        assert_eq!(signature.returns, results == [WasmType::I32], "{}", function.name.as_str());
        assert_eq!(signature.returns, !function.noreturn, "{}", function.name.as_str());
    }
}

#[test]
fn every_errno_has_the_number_and_the_name_of_the_witx() {
    use Errno::*;
    #[rustfmt::skip]
    let all = [
        TooBig, Acces, Addrinuse, Addrnotavail, Afnosupport, Again, Already, Badf, Badmsg, Busy,
        Canceled, Child, Connaborted, Connrefused, Connreset, Deadlk, Destaddrreq, Dom, Dquot, Exist,
        Fault, Fbig, Hostunreach, Idrm, Ilseq, Inprogress, Intr, Inval, Io, Isconn, Isdir, Loop, Mfile,
        Mlink, Msgsize, Multihop, Nametoolong, Netdown, Netreset, Netunreach, Nfile, Nobufs, Nodev,
        Noent, Noexec, Nolck, Nolink, Nomem, Nomsg, Noprotoopt, Nospc, Nosys, Notconn, Notdir, Notempty,
        Notrecoverable, Notsock, Notsup, Notty, Nxio, Overflow, Ownerdead, Perm, Pipe, Proto,
        Protonosupport, Prototype, Range, Rofs, Spipe, Srch, Stale, Timedout, Txtbsy, Xdev, Notcapable,
    ];
    let errno = variant(&document(), "errno");
    assert_eq!(errno.cases[0].name.as_str(), "success");
    assert_eq!(errno.cases.len(), all.len() + 1);
    for (number, (case, ours)) in (1..).zip(errno.cases[1..].iter().zip(all)) {
        assert_eq!(ours as u16, number, "{}", case.name.as_str());
        assert_eq!(ours.name(), format!("E{}", case.name.as_str().to_uppercase()));
    }
    assert_eq!(errno.tag_repr.mem_size(), size_of::<Errno>());
}

#[test]
fn every_enumeration_has_the_numbers_names_and_size_of_the_witx() {
    fn check<T: Debug + Store>(document: &Document, name: &str, from_number: fn(u64) -> Option<T>) {
        let variant = variant(document, name);
        for (number, case) in (0..).zip(&variant.cases) {
            let value = from_number(number).unwrap_or_else(|| panic!("{name} has a {number}"));
            assert_eq!(snake_case(&format!("{value:?}")), case.name.as_str(), "{name} {number}");
            let mut stored = [0];
            value.store(&mut stored, 0);
            assert_eq!(stored, [number], "{name} {number}");
        }
        assert!(from_number(variant.cases.len() as u64).is_none(), "{name} has one too many");
        assert_eq!(T::SIZE, variant.mem_size(), "{name}");
    }
    let document = document();
    check(&document, "clockid", Clockid::from_number);
    check(&document, "whence", Whence::from_number);
    check(&document, "advice", Advice::from_number);
    check(&document, "filetype", Filetype::from_number);
    check(&document, "eventtype", Eventtype::from_number);
}

#[test]
fn every_set_of_flags_has_the_bits_names_and_size_of_the_witx() {
    fn check<T: Flags + Store>(document: &Document, name: &str)
    where
        T::Bits: Into<u64>,
    {
        let record = record(document, name);
        let ours: Vec<_> = T::FLAGS
            .iter()
            .map(|flag| (flag.name().to_lowercase(), Into::<u64>::into(flag.value().bits())))
            .collect();
        let prefix = if name == "subclockflags" { "subscription_clock_" } else { "" };
        let theirs: Vec<_> = (0..)
            .zip(&record.members)
            .map(|(bit, member)| {
                (member.name.as_str().strip_prefix(prefix).unwrap().to_owned(), 1_u64 << bit)
            })
            .collect();
        assert_eq!(ours, theirs, "{name}");
        assert_eq!(T::SIZE, record.bitflags_repr().unwrap().mem_size(), "{name}");
    }
    let document = document();
    check::<Rights>(&document, "rights");
    check::<Fdflags>(&document, "fdflags");
    check::<Oflags>(&document, "oflags");
    check::<Lookupflags>(&document, "lookupflags");
    check::<Fstflags>(&document, "fstflags");
    check::<Subclockflags>(&document, "subclockflags");
    check::<Eventrwflags>(&document, "eventrwflags");
    check::<Riflags>(&document, "riflags");
    check::<Roflags>(&document, "roflags");
    check::<Sdflags>(&document, "sdflags");
    assert_eq!(Rights::ALL, Rights::all());
}

#[test]
fn every_plain_type_has_the_size_of_the_witx() {
    let document = document();
    for (name, size) in [
        ("size", size_of::<Size>()),
        ("filesize", size_of::<Filesize>()),
        ("filedelta", size_of::<Filedelta>()),
        ("timestamp", size_of::<Timestamp>()),
        ("dircookie", size_of::<Dircookie>()),
        ("userdata", size_of::<Userdata>()),
        ("fd", <Fd as Store>::SIZE),
    ] {
        assert_eq!(size, type_of(&document, name).mem_size(), "{name}");
    }
}

#[test]
fn every_record_has_the_fields_and_the_size_of_the_witx() {
    let document = document();
    for (name, fields_of_ours, size) in [
        ("iovec", Iovec::FIELDS, <Iovec as Load>::SIZE),
        ("ciovec", Iovec::FIELDS, <Iovec as Load>::SIZE),
        ("fdstat", Fdstat::FIELDS, <Fdstat as Store>::SIZE),
        ("filestat", Filestat::FIELDS, <Filestat as Store>::SIZE),
        ("dirent", Dirent::FIELDS, <Dirent as Store>::SIZE),
    ] {
        let record = record(&document, name);
        assert_eq!(ours(fields_of_ours), fields(&record, 0), "{name}");
        assert_eq!(size, record.mem_size(), "{name}");
    }
}

#[test]
fn an_event_has_the_layout_of_the_witx() {
    let document = document();
    let event = record(&document, "event");
    let mut expected = fields(&event, 0);
    let (name, inner) = expected.pop().unwrap();
    assert_eq!(name, "fd_readwrite");
    expected.extend(fields(&record(&document, "event_fd_readwrite"), inner));
    assert_eq!(ours(Event::FIELDS), expected);
    assert_eq!(<Event as Store>::SIZE, event.mem_size());
}

#[test]
fn a_prestat_has_the_layout_of_the_witx() {
    let document = document();
    let prestat = variant(&document, "prestat");
    let mut expected = vec![("tag".to_owned(), 0)];
    expected.extend(fields(&record(&document, "prestat_dir"), prestat.payload_offset()));
    assert_eq!(ours(Prestat::FIELDS), expected);
    assert_eq!(<Prestat as Store>::SIZE, prestat.mem_size());
}

/// Returns the fields of a subscription under the names of capwasi. `clock` are the fields of a clock.
fn subscription_fields(
    document: &Document,
    union: usize,
    payload: usize,
    clock: Fields,
) -> BTreeMap<String, usize> {
    let subscription = record(document, "subscription");
    let mut expected = BTreeMap::from([
        ("userdata".to_owned(), offset_of(&subscription, "userdata")),
        ("tag".to_owned(), union),
        (
            "fd".to_owned(),
            payload + offset_of(&record(document, "subscription_fd_readwrite"), "file_descriptor"),
        ),
    ]);
    for (name, offset) in clock {
        match name.as_str() {
            // The host ignores both.
            "precision" | "identifier" => {}
            "id" => drop(expected.insert("clock_id".to_owned(), payload + offset)),
            _ => drop(expected.insert(name, payload + offset)),
        }
    }
    expected
}

#[test]
fn a_subscription_has_the_layout_of_the_witx() {
    let document = document();
    let subscription = record(&document, "subscription");
    let (union, payload) =
        (offset_of(&subscription, "u"), variant(&document, "subscription_u").payload_offset());
    let clock = fields(&record(&document, "subscription_clock"), 0);
    let expected = subscription_fields(&document, union, union + payload, clock);
    assert_eq!(ours(Subscription::FIELDS).into_iter().collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(<Subscription as Load>::SIZE, subscription.mem_size());
}

/// Returns offsets and size of a record. The members are names and sizes, which are also the alignments.
fn layout(members: &[(String, usize)]) -> (Fields, usize) {
    let mut end = 0_usize;
    let fields = members.iter().map(|(name, size)| {
        let offset = end.next_multiple_of(*size);
        end = offset + size;
        (name.clone(), offset)
    });
    let fields = fields.collect();
    let align = members.iter().map(|(_, size)| *size).max().unwrap();
    (fields, end.next_multiple_of(align))
}

fn sizes(record: &RecordDatatype) -> Vec<(String, usize)> {
    record.members.iter().map(|member| (member.name.as_str().to_owned(), member.tref.mem_size())).collect()
}

#[test]
fn a_filestat_of_snapshot_0_has_a_link_count_of_32_bits() {
    let document = document();
    let mut members = sizes(&record(&document, "filestat"));
    assert_eq!(layout(&members).1, 64);
    let nlink = members.iter_mut().find(|(name, _)| name == "nlink").unwrap();
    nlink.1 = 4;
    let (expected, size) = layout(&members);
    assert_eq!(size, 56);
    assert_eq!(ours(snapshot0::Filestat::FIELDS), expected);
    assert_eq!(<snapshot0::Filestat as Store>::SIZE, size);
}

#[test]
fn a_subscription_of_snapshot_0_has_an_identifier_before_the_clock() {
    let document = document();
    let mut members = sizes(&record(&document, "subscription_clock"));
    members.insert(0, ("identifier".to_owned(), type_of(&document, "userdata").mem_size()));
    let (clock, size) = layout(&members);
    let union = offset_of(&record(&document, "subscription"), "u");
    let payload = union + variant(&document, "subscription_u").payload_offset();
    let expected = subscription_fields(&document, union, payload, clock);
    assert_eq!(ours(snapshot0::Subscription::FIELDS).into_iter().collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(payload + size, 56);
    assert_eq!(<snapshot0::Subscription as Load>::SIZE, 56);
}

#[test]
fn a_stored_record_has_each_field_at_its_offset() {
    let stat = Filestat {
        dev: 1,
        ino: 2,
        filetype: Filetype::SymbolicLink,
        nlink: 3,
        size: 4,
        atim: 5,
        mtim: 6,
        ctim: u64::MAX,
    };
    let mut words = [0; 8];
    stat.store(&mut words, 0);
    assert_eq!(words, [1, 2, 7, 3, 4, 5, 6, u64::MAX]);

    let mut words = [0; 7];
    snapshot0::Filestat::from(Filestat { nlink: 1 << 40, ..stat }).store(&mut words, 0);
    assert_eq!(words, [1, 2, 0xffff_ffff_0000_0007, 4, 5, 6, u64::MAX]);

    let mut words = [0; 4];
    let event = Event { userdata: 1, error: 2, r#type: 3, nbytes: 4, flags: Eventrwflags::all() };
    event.store(&mut words, 0);
    assert_eq!(words, [1, 0x3_0002, 4, 1]);
}
