//! `options.sockets`: sockets on which the guest may accept connections.

use super::validate::{integer, reject_unknown_keys_unless_handle, subject, unusable};
use crate::core::guest::Guest;
use crate::core::strings::Strings;
use crate::node::error::{invalid_received, invalid_type, quote, uvwasi_init_error};
use crate::node::value::Value;
use crate::sys::errno::Errno;
use napi::{Env, Result};
use std::net::SocketAddr;

/// A socket for the guest.
#[derive(Clone, Copy)]
pub(super) enum Socket {
    /// A new socket, bound to this address.
    Address(SocketAddr),
    /// A descriptor of the host.
    Host(i32),
}

/// Reads the option.
pub(super) fn read(env: &Env, options: Value<'_>) -> Result<Vec<Socket>> {
    let sockets = options.get("sockets")?;
    if sockets.is_undefined()? {
        return Ok(Vec::new());
    }
    if !sockets.is_array()? {
        return Err(invalid_type(env, &subject("sockets"), "an instance of Array", sockets));
    }
    (0..).zip(sockets.elements()?).map(|(index, value)| socket(env, value?, index)).collect()
}

fn socket(env: &Env, value: Value<'_>, index: u32) -> Result<Socket> {
    let name = format!("sockets[{index}]");
    if let Some(address) = value.string()? {
        return address.parse().map(Socket::Address).map_err(|_| {
            let rule = "must be an IP address and a port, such as '127.0.0.1:8080'";
            invalid_received(env, &format!("The property 'options.{name}' {rule}"), value)
        });
    }
    if !value.is_plain_object()? {
        return Err(invalid_type(env, &subject(&name), "one of type string or object", value));
    }
    reject_unknown_keys_unless_handle(env, value, &name, &["fd"])?;
    let fd = value.get("fd")?;
    Ok(Socket::Host(integer(env, fd, &format!("{name}.fd"), 0, i32::MAX.into())? as i32))
}

/// The variable with the number of sockets, as systemd sets it.
const COUNT: &str = "LISTEN_FDS";

/// Gives the guest the sockets.
pub(super) fn add(env: &Env, guest: &mut Guest, sockets: &[Socket]) -> Result<()> {
    for (index, socket) in sockets.iter().enumerate() {
        let (added, otherwise, source) = match socket {
            Socket::Address(address) => {
                (guest.add_socket(*address), "cannot listen", quote(&address.to_string()))
            }
            Socket::Host(fd) => {
                (guest.add_host_socket(*fd), "not a listening TCP socket", format!("descriptor {fd}"))
            }
        };
        let name = format!("sockets[{index}]");
        added.map_err(|errno| unusable(env, errno, &name, otherwise, &source, None))?;
    }
    Ok(())
}

/// Sets the variable with the number of sockets, unless the embedder set it.
pub(super) fn announce(
    env: &Env,
    strings: &mut Strings,
    sockets: &[Socket],
    variables: &[(String, String)],
) -> Result<()> {
    if sockets.is_empty() || variables.iter().any(|(key, _)| key == COUNT) {
        return Ok(());
    }
    let variable = format!("{COUNT}={}", sockets.len());
    let too_long = |errno: Errno| uvwasi_init_error(env, errno, "options.env does not fit in 32 bits", None);
    strings.env.push(variable.as_bytes()).map_err(too_long)
}
