//! Blocking waits, in slices: between two slices the worker can be terminated.

use super::env_state::EnvState;
use napi::Result;
use std::time::Duration;

/// Maximum time between two checks for a termination.
const SLICE: Duration = Duration::from_millis(50);

/// Calls `block` with the length of a slice until it returns true. Fails if JavaScript is terminated meanwhile.
pub(crate) fn wait_in_slices(
    state: &EnvState,
    mut block: impl FnMut(Duration) -> std::io::Result<bool>,
) -> Result<()> {
    let probe = state.helpers.termination_probe.get(&state.env)?;
    loop {
        state.env.run_in_scope(|| probe.call(&[]).map(drop))?;
        // Ignores poll errors: the restarted call reports them.
        if block(SLICE).unwrap_or(true) {
            return Ok(());
        }
    }
}
