//! Waits for a call that would block: here, in slices, so that the end of the worker is noticed.

use super::env_state::EnvState;
use napi::Result;
use std::time::Duration;

/// Maximum time between two checks for a termination.
const SLICE: Duration = Duration::from_millis(50);

/// Waits until `is_over`, which waits for one slice. An exception if JavaScript is terminated meanwhile.
pub(crate) fn wait_until(
    state: &EnvState,
    mut is_over: impl FnMut(Duration) -> std::io::Result<bool>,
) -> Result<()> {
    let probe = state.helpers.termination_probe.get(&state.env)?;
    loop {
        state.env.run_in_scope(|| probe.call(&[]).map(drop))?;
        // Ignores poll errors: the restarted call reports them.
        if is_over(SLICE).unwrap_or(true) {
            return Ok(());
        }
    }
}
