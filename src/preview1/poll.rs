//! `poll_oneoff`.

use crate::core::clock::{Reading, Source, is_cpu_time};
use crate::core::entry::{Descriptor, Entry};
use crate::core::guest::Guest;
use crate::core::layout::{Load, Store};
use crate::core::memory::{List, Memory, Ptr, Size};
use crate::core::outcome::{HostCall, HostResult, Outcome};
use crate::core::pipe::Pipe;
use crate::core::restart::{RestartState, Saved};
use crate::core::rights::Rights;
use crate::core::table::Fd;
use crate::core::wait::{Wait, poll_streams};
use crate::preview1::types::{Event, Eventrwflags, Eventtype, Subclockflags, Subscription};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Clockid, Filesize, Interest, Readiness, Timestamp};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of subscriptions. The call cannot be terminated while it processes them.
pub(crate) const MAX_SUBSCRIPTIONS: Size = 1 << 16;

impl Guest {
    /// Waits until a subscription has an event, and writes the events of all subscriptions that have one: `poll`.
    /// `EINVAL` for no subscriptions, and for more than [`MAX_SUBSCRIPTIONS`].
    pub(crate) fn poll_oneoff(
        &self,
        memory: Memory,
        restart: &RestartState,
        subscriptions: Ptr<Subscription>,
        events: Ptr<Event>,
        nsubscriptions: Size,
    ) -> HostResult<Size> {
        let subscriptions = List { ptr: subscriptions, len: nsubscriptions };
        memory.check_list(subscriptions, <Subscription as Load>::SIZE)?;
        let load = |index| memory.load_at(subscriptions, index);
        self.poll_subscriptions(memory, restart, nsubscriptions, load, events)
    }

    /// Implements `poll_oneoff` for both layouts of a subscription. `load` reads the subscription with an index.
    pub(crate) fn poll_subscriptions(
        &self,
        memory: Memory,
        restart: &RestartState,
        nsubscriptions: Size,
        load: impl Fn(Size) -> Result<Subscription>,
        events: Ptr<Event>,
    ) -> HostResult<Size> {
        let events = List { ptr: events, len: nsubscriptions };
        memory.check_list(events, <Event as Store>::SIZE)?;
        if !(1..=MAX_SUBSCRIPTIONS).contains(&nsubscriptions) {
            return Err(Errno::Inval.into());
        }
        let mut call = PollCall::new(self, restart.clone().into_saved());
        let mut items = SmallVec::<[(Subscription, Pollable); 4]>::new();
        for index in 0..nsubscriptions {
            let subscription = load(index)?;
            items.push((subscription, call.collect(&subscription)?));
        }
        let readiness = call.readiness()?;
        let mut written = 0;
        for (subscription, pollable) in &items {
            if let Some(result) = call.result_or_wait(subscription, pollable, &readiness) {
                memory.store_at(events, written, &result.event(subscription))?;
                written += 1;
            }
        }
        call.finish(written)
    }
}

/// Source of the event of a subscription.
enum Pollable {
    /// None: the result is known.
    Done(EventResult),
    /// A stream, by its index in [`PollCall::streams`].
    Stream(usize),
    /// The callback for stdin, which has no bytes yet.
    Stdin,
    /// A clock, and its current time if the timeout is absolute.
    Clock(Clockid, Option<Timestamp>),
}

/// Result of a subscription.
#[derive(Clone, Copy)]
enum EventResult {
    /// The subscription failed.
    Error(Errno),
    /// The descriptor is ready.
    Ready { nbytes: Filesize, hangup: bool },
    /// The clock has reached the timeout.
    Due,
}

impl EventResult {
    fn event(self, subscription: &Subscription) -> Event {
        let mut event = Event {
            userdata: subscription.userdata,
            error: 0,
            r#type: subscription.tag,
            nbytes: 0,
            flags: Eventrwflags::empty(),
        };
        match self {
            EventResult::Error(errno) => event.error = errno as u16,
            EventResult::Ready { nbytes, hangup } => {
                event.nbytes = nbytes;
                event.flags.set(Eventrwflags::FD_READWRITE_HANGUP, hangup);
            }
            EventResult::Due => {}
        }
        event
    }
}

/// State of one call of `poll_oneoff`.
struct PollCall<'a> {
    guest: &'a Guest,
    saved: Saved,
    /// Time of the first call, on the monotonic clock.
    started: Timestamp,
    streams: Vec<(Arc<Entry>, Interest)>,
    /// Index in `streams` of each descriptor. If a guest names a descriptor many times, `streams` has it only once: the
    /// descriptor table bounds `streams`.
    indices: BTreeMap<(Fd, Interest), usize>,
    /// Earliest timeout of a clock that is not fixed, on the monotonic clock.
    deadline: Option<Timestamp>,
    /// Shortest sleep until the timeout of a fixed clock.
    sleep: Option<Timestamp>,
    /// Whether a fixed clock has reached a timeout.
    is_fixed_clock_due: bool,
}

impl<'a> PollCall<'a> {
    fn new(guest: &'a Guest, saved: Saved) -> Self {
        Self {
            guest,
            started: saved.started.unwrap_or_else(sys::monotonic_now),
            saved,
            streams: Vec::new(),
            indices: BTreeMap::new(),
            deadline: None,
            sleep: None,
            is_fixed_clock_due: false,
        }
    }

    /// Adds a subscription. An unknown type is `EINVAL` for the whole call.
    fn collect(&mut self, subscription: &Subscription) -> HostResult<Pollable> {
        let interest = match Eventtype::from_number(subscription.tag.into()).ok_or(Errno::Inval)? {
            Eventtype::Clock => return self.collect_clock(subscription),
            Eventtype::FdRead => Interest::Read,
            Eventtype::FdWrite => Interest::Write,
        };
        match self.collect_fd(Fd(subscription.fd), interest) {
            Err(Outcome::Errno(errno)) => Ok(Pollable::Done(EventResult::Error(errno))),
            result => result,
        }
    }

    fn collect_clock(&self, subscription: &Subscription) -> HostResult<Pollable> {
        let clock = Clockid::from_number(subscription.clock_id.into());
        let flags = Subclockflags::from_bits(subscription.flags);
        let (Some(clock), Some(flags)) = (clock, flags) else {
            return Ok(Pollable::Done(EventResult::Error(Errno::Inval)));
        };
        if !flags.contains(Subclockflags::ABSTIME) {
            return Ok(Pollable::Clock(clock, None));
        }
        match self.guest.clocks.read(clock, self.saved.clock_readings)? {
            Reading::Time(time) => Ok(Pollable::Clock(clock, Some(time))),
            Reading::NeedsCallback(clock) => Err(Outcome::ReadClock(clock)),
        }
    }

    /// Adds a descriptor. Files and directories are always ready.
    fn collect_fd(&mut self, fd: Fd, interest: Interest) -> HostResult<Pollable> {
        let entry = self.guest.table.get(fd)?;
        entry.require(Rights::POLL_FD_READWRITE)?;
        if entry.is_shut_down() {
            return Ok(Pollable::Done(EventResult::Ready { nbytes: 0, hangup: true }));
        }
        let nbytes = match (&entry.descriptor, interest) {
            (Descriptor::Stream(stream), _) if stream.may_wait() => {
                let streams = &mut self.streams;
                let index = *self.indices.entry((fd, interest)).or_insert_with(|| {
                    streams.push((Arc::clone(&entry), interest));
                    streams.len() - 1
                });
                return Ok(Pollable::Stream(index));
            }
            (Descriptor::Pipe(Pipe::Input(input)), Interest::Read) if input.needs_callback() => {
                match self.saved.is_stdin_ready {
                    None => {
                        let saved = std::mem::take(&mut self.saved);
                        let restart = Saved { started: Some(self.started), ..saved }.into();
                        return Err(Outcome::HostCall(Box::new(HostCall::PollStdin(restart))));
                    }
                    Some(false) => return Ok(Pollable::Stdin),
                    Some(true) => 0,
                }
            }
            (Descriptor::File(file), Interest::Read) => file.remaining()?,
            (Descriptor::Stream(stream), Interest::Read) => sys::readable_bytes(stream.handle()),
            (Descriptor::Pipe(pipe), Interest::Read) => pipe.available(),
            _ => 0,
        };
        Ok(Pollable::Done(EventResult::Ready { nbytes, hangup: false }))
    }

    /// Returns the readiness of each stream. After a wait for the same streams, returns the readiness recorded then:
    /// another reader may have taken the bytes after the wait.
    fn readiness(&mut self) -> HostResult<Vec<Readiness>> {
        let polled = std::mem::take(&mut self.saved.polled);
        let is_same = polled.len() == self.streams.len()
            && polled.iter().zip(&self.streams).all(|(polled, (entry, interest))| {
                Arc::ptr_eq(&polled.entry, entry) && polled.interest == *interest
            });
        if is_same {
            return Ok(polled.iter().map(|polled| polled.readiness).collect());
        }
        Ok(poll_streams(&self.streams, Duration::ZERO)?)
    }

    /// Returns the result of a subscription; `None` if it has to wait.
    fn result_or_wait(
        &mut self,
        subscription: &Subscription,
        pollable: &Pollable,
        readiness: &[Readiness],
    ) -> Option<EventResult> {
        match *pollable {
            Pollable::Done(result) => Some(result),
            Pollable::Stdin => None,
            Pollable::Stream(index) => self.stream_result(index, readiness[index]),
            Pollable::Clock(clock, time) => self.clock_result(clock, time, subscription.timeout),
        }
    }

    fn stream_result(&self, index: usize, Readiness { ready, hangup }: Readiness) -> Option<EventResult> {
        let (entry, interest) = &self.streams[index];
        let nbytes = match (&entry.descriptor, interest) {
            (Descriptor::Stream(stream), Interest::Read) if ready => sys::readable_bytes(stream.handle()),
            _ => 0,
        };
        ready.then_some(EventResult::Ready { nbytes, hangup })
    }

    /// Returns the result of a clock subscription; `time` is the current time of an absolute timeout. `None` if the
    /// subscription has to wait: the wait ends at its timeout. A future timeout of a CPU-time clock is `ENOTSUP`: these
    /// clocks do not advance while the guest waits.
    fn clock_result(
        &mut self,
        clock: Clockid,
        time: Option<Timestamp>,
        timeout: Timestamp,
    ) -> Option<EventResult> {
        let source = self.guest.clocks.source(clock);
        let now = sys::monotonic_now();
        let waited = now.saturating_sub(self.started);
        let reached = match (time, source) {
            (None, Source::Fixed(_)) => self.saved.slept,
            (None, Source::System | Source::Callback) => waited,
            (Some(time), Source::System | Source::Fixed(_)) => time,
            // The callback is called once, when the call starts. The clock of the system measures the wait.
            (Some(time), Source::Callback) => time.saturating_add(waited),
        };
        let left = timeout.saturating_sub(reached);
        if left == 0 {
            self.is_fixed_clock_due |= matches!(source, Source::Fixed(_));
            return Some(EventResult::Due);
        }
        if is_cpu_time(clock) {
            return Some(EventResult::Error(Errno::Notsup));
        }
        let (at, earliest) = match source {
            Source::Fixed(_) => (left, &mut self.sleep),
            Source::System | Source::Callback => (now.saturating_add(left), &mut self.deadline),
        };
        *earliest = Some(earliest.map_or(at, |earlier| earlier.min(at)));
        None
    }

    /// Ends the call if `written` events were written. Otherwise waits.
    fn finish(self, written: Size) -> HostResult<Size> {
        let clocks = &self.guest.clocks;
        if written > 0 {
            if self.is_fixed_clock_due && self.saved.slept == 0 {
                // Advance by 1 ns, or a guest that loops `while now <= deadline` never ends.
                clocks.sleep(1);
            }
            return Ok(written);
        }
        let mut saved = Saved { started: Some(self.started), ..self.saved };
        let mut deadline = self.deadline;
        if let Some(time) = self.sleep {
            clocks.sleep(time);
            saved.slept = saved.slept.saturating_add(time);
            deadline = Some(0);
        }
        Err(Outcome::Block(Box::new(Wait::new(self.streams, deadline, saved.into()))))
    }
}
