//! Guests whose calls wait: descriptors of the host, and restarts until a call ends.

use super::TestGuest;
use capwasi::core::guest::Guest;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use capwasi::sys::errno::Errno;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Maximum time that a test waits.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Creates a guest with a descriptor of the host as descriptor 0.
pub fn guest_with_stdio(fd: &impl AsRawFd) -> TestGuest {
    let mut guest = Guest::default();
    guest.add_stdio(fd.as_raw_fd()).unwrap();
    TestGuest::new(guest)
}

/// Returns both ends of a TCP connection.
pub fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Restarts a call until it ends, for at most [`TIMEOUT`].
pub fn finish(
    guest: &mut TestGuest,
    name: &str,
    args: &[u64],
    mut restart: RestartState,
) -> Result<(), Errno> {
    let end = Instant::now() + TIMEOUT;
    while Instant::now() < end {
        match guest.call_once(name, args, restart) {
            Ok(()) => return Ok(()),
            Err(Outcome::Errno(errno)) => return Err(errno),
            Err(Outcome::Block(mut wait)) => {
                wait.block(Duration::from_millis(100)).unwrap();
                restart = wait.restart;
            }
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
    panic!("{name} does not end within {TIMEOUT:?}");
}
