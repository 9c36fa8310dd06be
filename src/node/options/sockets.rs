//! `options.sockets`: sockets on which the guest may accept connections.

use super::validate::{integer, subject};
use crate::core::guest::Guest;
use crate::node::error::{invalid_type, invalid_value, quote, shorten, uvwasi_init_error};
use crate::node::value::Value;
use crate::sys::errno::Errno;
use napi::{Env, Result};
use std::net::SocketAddr;

/// A socket for the guest.
#[derive(Clone, Copy, Debug)]
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
            let received = shorten(&quote(&address));
            let message = format!(
                "The property 'options.{name}' must be an IP address and a port, such as '127.0.0.1:8080'. \
                 Received {received}"
            );
            invalid_value(env, &message)
        });
    }
    if !value.is_plain_object()? {
        return Err(invalid_type(env, &subject(&name), "one of type string or object", value));
    }
    let fd = value.get("fd")?;
    Ok(Socket::Host(integer(env, fd, &format!("{name}.fd"), 0, i32::MAX.into())? as i32))
}

/// The variable with the number of sockets, as systemd sets it.
const COUNT: &str = "LISTEN_FDS";

/// Gives the guest the sockets, and the variable unless the embedder set it.
pub(super) fn add(
    env: &Env,
    guest: &mut Guest,
    sockets: &[Socket],
    variables: &[(String, String)],
) -> Result<()> {
    for (index, socket) in sockets.iter().enumerate() {
        let (added, source) = match socket {
            Socket::Address(address) => (guest.add_socket(*address), format!("address '{address}'")),
            Socket::Host(fd) => (guest.add_host_socket(*fd), format!("descriptor {fd}")),
        };
        let reason = || format!("options.sockets[{index}]: cannot listen on {source}");
        added.map_err(|errno| uvwasi_init_error(env, errno, &reason(), None))?;
    }
    if sockets.is_empty() || variables.iter().any(|(key, _)| key == COUNT) {
        return Ok(());
    }
    let variable = format!("{COUNT}={}", sockets.len());
    let too_long = |errno: Errno| uvwasi_init_error(env, errno, "options.env does not fit in 32 bits", None);
    guest.env.push(variable.as_bytes()).map_err(too_long)
}
