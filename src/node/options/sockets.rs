//! `options.sockets`: sockets on which the guest may accept connections.

use super::{get, integer};
use crate::core::guest::Guest;
use crate::node::error::{self, Class, invalid_type, quote};
use crate::sys::errno::Errno;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result, ValueType};
use std::net::SocketAddr;

/// A socket to be given to the guest.
#[derive(Clone, Copy, Debug)]
pub enum Socket {
    /// A new one, bound to this address.
    Address(SocketAddr),
    /// One of the host's.
    Host(i32),
}

/// Reads the option.
pub fn read(env: &Env, options: &Object<'_>) -> Result<Vec<Socket>> {
    let sockets = get(options, "sockets")?;
    if sockets.get_type()? == ValueType::Undefined {
        return Ok(Vec::new());
    }
    if !sockets.is_array()? {
        return Err(invalid_type(env, "The \"options.sockets\" property", "an instance of Array", sockets));
    }
    let sockets = Object::from_unknown(sockets)?;
    let socket = |index| socket(env, sockets.get_element(index)?, &format!("sockets[{index}]"));
    (0..sockets.get_array_length()?).map(socket).collect()
}

fn socket(env: &Env, value: Unknown<'_>, name: &str) -> Result<Socket> {
    if let Some(address) = error::string(value)? {
        return address.parse().map(Socket::Address).map_err(|_| {
            let received = error::shorten(&quote(&address));
            let message = format!(
                "The property 'options.{name}' must be an IP address and a port, such as '127.0.0.1:8080'. \
                 Received {received}"
            );
            error::throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", &message)
        });
    }
    if value.get_type()? != ValueType::Object || value.is_array()? {
        let subject = format!("The \"options.{name}\" property");
        return Err(invalid_type(env, &subject, "one of type string or object", value));
    }
    let fd = get(&Object::from_unknown(value)?, "fd")?;
    Ok(Socket::Host(integer(env, fd, &format!("{name}.fd"), 0, i32::MAX.into())? as i32))
}

/// The variable that tells a guest how many sockets it was given.
const COUNT: &str = "LISTEN_FDS";

/// Gives the guest the sockets, and says how many there are, as programs that systemd starts are told, too.
pub fn add(env: &Env, wasi: &mut Guest, sockets: &[Socket], variables: &[(String, String)]) -> Result<()> {
    for (index, socket) in sockets.iter().enumerate() {
        let (added, what) = match socket {
            Socket::Address(address) => (wasi.add_socket(*address), format!("the address '{address}'")),
            Socket::Host(fd) => (wasi.add_host_socket(*fd), format!("the descriptor {fd}")),
        };
        let subject = || format!("options.sockets[{index}] is {what}");
        added.map_err(|errno| error::init(env, errno, &subject(), None))?;
    }
    if sockets.is_empty() || variables.iter().any(|(key, _)| key == COUNT) {
        return Ok(());
    }
    let variable = format!("{COUNT}={}", sockets.len());
    let too_long = |errno: Errno| error::init(env, errno, "options.env does not fit in 32 bits", None);
    wasi.env.push(variable.as_bytes()).map_err(too_long)
}
