//! A call of a guest that waits without blocking the thread.

use super::reference::StrongRef;
use super::value::Value;
use super::wakeups::{KeepAlive, Sleeper};
use crate::core::outcome::{HostCall, HostResult};
use crate::core::wait::Wait;
use crate::core::waker::Registration;
use crate::preview1::abi::{Call, CoreArgs};
use napi::{Env, Result};
use std::sync::Arc;

/// A host function with its arguments.
#[derive(Clone, Copy)]
pub(crate) struct HostFunctionCall {
    pub(crate) function: fn(&Call<'_>, &CoreArgs) -> HostResult,
    pub(crate) core: CoreArgs,
}

/// A call that waits.
pub(crate) struct Suspended {
    pub(crate) call: HostFunctionCall,
    pub(crate) awaited: Awaited,
    active: Option<Active>,
}

/// The event that a call waits for.
pub(crate) enum Awaited {
    /// A stream or a deadline.
    Wait(Box<Wait>),
    /// The promise of a callback, until JavaScript takes it.
    Callback(Box<HostCall>, Option<StrongRef>),
}

/// The resources of a call whose guest is suspended.
struct Active {
    _registration: Option<Registration>,
    _keep_alive: KeepAlive,
    _sleeper: Arc<Sleeper>,
}

impl Suspended {
    /// A call whose guest is not suspended yet.
    pub(crate) fn new(call: HostFunctionCall, awaited: Awaited) -> Self {
        Self { call, awaited, active: None }
    }

    /// Notes that the guest is suspended.
    pub(crate) fn activate(
        &mut self,
        registration: Option<Registration>,
        keep_alive: KeepAlive,
        sleeper: Arc<Sleeper>,
    ) {
        self.active =
            Some(Active { _registration: registration, _keep_alive: keep_alive, _sleeper: sleeper });
    }

    /// Returns whether the call waits for streams of the system or of the embedder.
    pub(crate) fn is_for_streams(&self) -> bool {
        match &self.awaited {
            Awaited::Wait(wait) => wait.is_for_streams(),
            Awaited::Callback(..) => true,
        }
    }

    /// Returns whether the guest is suspended.
    pub(crate) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Cancels the wait.
    pub(crate) fn release(self, env: &Env) {
        if let Awaited::Callback(_, Some(promise)) = self.awaited {
            promise.delete(env);
        }
    }
}

impl Awaited {
    /// Waits for the promise that a callback has returned.
    pub(crate) fn promise(env: &Env, host_call: Box<HostCall>, promise: Value<'_>) -> Result<Self> {
        Ok(Awaited::Callback(host_call, Some(StrongRef::new(env, promise)?)))
    }
}
