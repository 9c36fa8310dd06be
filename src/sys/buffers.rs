//! Lists of buffers for one system call.

#[cfg(unix)]
pub use crate::sys::unix::buffer::Buffer;
#[cfg(windows)]
pub use crate::sys::windows::buffer::Buffer;
use smallvec::SmallVec;

/// Regions of guest memory for one system call: usually few, at most [`MAX_BUFFERS`](crate::sys::MAX_BUFFERS).
pub type Buffers = SmallVec<[Buffer; 8]>;

/// Returns the first `len` bytes of some buffers, or all of the buffers if they have fewer bytes.
pub fn first_bytes(buffers: &[Buffer], mut len: usize) -> Buffers {
    let mut first = Buffers::new();
    for buffer in buffers {
        if len == 0 {
            break;
        }
        let part = buffer.first(len);
        len -= part.size();
        first.push(part);
    }
    first
}
