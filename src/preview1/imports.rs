//! The import tables: the functions of each version of WASI, in node:wasi's order.

use crate::core::guest::Guest;
use crate::core::outcome::HostResult;
use crate::core::strings::Strings;
use crate::preview1::abi::{Call, CoreArgs, HostFn, Signature, call_format, signature};
use crate::preview1::describe::CallFormat;

/// A function that a guest can import.
pub trait Import {
    /// Name.
    const NAME: &'static str;
    /// Core signature.
    const SIGNATURE: Signature;

    /// Calls the function.
    fn call(call: &Call<'_>, core: &CoreArgs) -> HostResult;
}

/// An operation on each function of a table.
pub trait Visitor {
    /// Visits a function.
    fn visit<I: Import>(&mut self);
}

/// Calls a host function. Not inlined, so that both versions of WASI and the restarts of calls share the code.
#[inline(never)]
fn call_method<'a, Args>(method: impl HostFn<'a, Args>, call: &'a Call<'a>, core: &CoreArgs) -> HostResult {
    method.call(call, core)
}

macro_rules! imports {
    ($(#[$doc:meta])* $module:ident { $($name:ident $(=> $method:path)?,)* }) => {
        $(#[$doc])*
        #[expect(non_camel_case_types, reason = "the names of the witx")]
        pub mod $module {
            use super::{
                Call, CallFormat, CoreArgs, Guest, Strings, HostResult, Import, Signature, Visitor, call_format,
                call_method, signature,
            };

            $(
                pub struct $name;

                impl Import for $name {
                    const NAME: &'static str = stringify!($name);
                    const SIGNATURE: Signature = signature(&imports!(@method $name $($method)?));

                    fn call(call: &Call<'_>, core: &CoreArgs) -> HostResult {
                        call_method(imports!(@method $name $($method)?), call, core)
                    }
                }
            )*

            /// Formats of the calls of each function, in the same order.
            pub static CALL_FORMATS: &[CallFormat] = &[$(call_format(&imports!(@method $name $($method)?)),)*];

            /// Visits each function.
            pub fn visit(visitor: &mut impl Visitor) {
                $(visitor.visit::<$name>();)*
            }
        }
    };
    (@method $name:ident) => { Guest::$name };
    (@method $name:ident $method:path) => { $method };
}

imports! {
    /// The functions of `wasi_snapshot_preview1`.
    preview1 {
        args_get => Strings::args_get,
        args_sizes_get => Strings::args_sizes_get,
        clock_res_get,
        clock_time_get,
        environ_get => Strings::environ_get,
        environ_sizes_get => Strings::environ_sizes_get,
        fd_advise,
        fd_allocate,
        fd_close,
        fd_datasync,
        fd_fdstat_get,
        fd_fdstat_set_flags,
        fd_fdstat_set_rights,
        fd_filestat_get,
        fd_filestat_set_size,
        fd_filestat_set_times,
        fd_pread,
        fd_prestat_get,
        fd_prestat_dir_name,
        fd_pwrite,
        fd_read,
        fd_readdir,
        fd_renumber,
        fd_seek,
        fd_sync,
        fd_tell,
        fd_write,
        path_create_directory,
        path_filestat_get,
        path_filestat_set_times,
        path_link,
        path_open,
        path_readlink,
        path_remove_directory,
        path_rename,
        path_symlink,
        path_unlink_file,
        poll_oneoff,
        proc_exit,
        proc_raise,
        random_get,
        sched_yield,
        sock_accept,
        sock_recv,
        sock_send,
        sock_shutdown,
    }
}

imports! {
    /// The functions of `wasi_unstable`.
    unstable {
        args_get => Strings::args_get,
        args_sizes_get => Strings::args_sizes_get,
        clock_res_get,
        clock_time_get,
        environ_get => Strings::environ_get,
        environ_sizes_get => Strings::environ_sizes_get,
        fd_advise,
        fd_allocate,
        fd_close,
        fd_datasync,
        fd_fdstat_get,
        fd_fdstat_set_flags,
        fd_fdstat_set_rights,
        fd_filestat_get => Guest::unstable_fd_filestat_get,
        fd_filestat_set_size,
        fd_filestat_set_times,
        fd_pread,
        fd_prestat_get,
        fd_prestat_dir_name,
        fd_pwrite,
        fd_read,
        fd_readdir,
        fd_renumber,
        fd_seek => Guest::unstable_fd_seek,
        fd_sync,
        fd_tell,
        fd_write,
        path_create_directory,
        path_filestat_get => Guest::unstable_path_filestat_get,
        path_filestat_set_times,
        path_link,
        path_open,
        path_readlink,
        path_remove_directory,
        path_rename,
        path_symlink,
        path_unlink_file,
        poll_oneoff => Guest::unstable_poll_oneoff,
        proc_exit,
        proc_raise,
        random_get,
        sched_yield,
        sock_recv,
        sock_send,
        sock_shutdown,
    }
}
