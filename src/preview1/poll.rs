//! Waiting. `poll_oneoff` is here, and what every call that may have to wait is built from: it finds out
//! whether it would block and on what ([`Wait`]), and does what it does at once when it would not. Who
//! waits, and where, is the caller's business.

use crate::core::clock::Source;
use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Ptr};
use crate::core::table::{Descriptor, Entry};
use crate::preview1::abi::Attempt;
use crate::preview1::types::{
    Clockid, Event, Eventrwflags, Eventtype, Fd, Filesize, Load, Rights, Size, Store, Subclockflags,
    Subscription, Timestamp,
};
use crate::sys;
use crate::sys::errno::{Errno, Failure, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a stream is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// Bytes to read, or a connection to accept.
    Read,
    /// Room to write.
    Write,
}

/// What a call waits for before it can go on: any of some streams, or a time.
#[derive(Debug, Default)]
pub struct Wait {
    streams: Vec<(Arc<Entry>, Interest)>,
    /// Where in `streams` each is that a guest may name again.
    places: BTreeMap<(Fd, Interest), usize>,
    /// On the monotonic clock.
    deadline: Option<Timestamp>,
    /// How long it is to be slept against clocks that are fixed, which takes no time.
    sleep: Option<Timestamp>,
    /// Whether such a clock has come as far as the guest waits for.
    due: bool,
    /// For the call, when it is tried again.
    pub attempt: Attempt,
}

impl Wait {
    /// Waits for one stream; a guest that asked for `NONBLOCK` gets `AGAIN` instead.
    pub(crate) fn on(fd: &Arc<Entry>, interest: Interest, attempt: Attempt) -> Failure {
        if fd.is_nonblocking() {
            return Errno::Again.into();
        }
        let attempt = Attempt { fd: Some(Arc::clone(fd)), ..attempt };
        Failure::Wait(Box::new(Self {
            streams: vec![(Arc::clone(fd), interest)],
            attempt,
            ..Self::default()
        }))
    }

    /// Waits for nothing: the call is long, and its caller may have something else to do before it goes on.
    pub(crate) fn for_nothing(attempt: Attempt) -> Failure {
        Self::until(0, attempt)
    }

    /// Waits until a time of the monotonic clock.
    pub(crate) fn until(deadline: Timestamp, attempt: Attempt) -> Failure {
        Failure::Wait(Box::new(Self { deadline: Some(deadline), attempt, ..Self::default() }))
    }

    /// Waits for one stream, and no longer than until a time of the monotonic clock.
    pub(crate) fn on_until(
        fd: &Arc<Entry>,
        interest: Interest,
        deadline: Timestamp,
        attempt: Attempt,
    ) -> Failure {
        let mut failure = Self::on(fd, interest, attempt);
        if let Failure::Wait(wait) = &mut failure {
            wait.deadline = Some(deadline);
        }
        failure
    }

    /// Waits for a stream unless it is ready now.
    pub(crate) fn unless_ready(fd: &Arc<Entry>, interest: Interest) -> Result {
        if is_shut_down(fd) {
            return Ok(());
        }
        let readiness = sys::poll(&[(fd.descriptor.handle()?, interest)], Duration::ZERO)?;
        if readiness[0].ready { Ok(()) } else { Err(Self::on(fd, interest, Attempt::default())) }
    }

    /// Turns an `AGAIN` of the system into a wait: the host may have made a stream it shares with the guest
    /// non-blocking, which is none of the guest's business.
    pub(crate) fn if_refused<T>(result: Result<T>, fd: &Arc<Entry>, interest: Interest) -> Result<T> {
        match result {
            Err(Failure::Errno(Errno::Again)) => Err(Self::on(fd, interest, Attempt::default())),
            result => result,
        }
    }

    /// Whether there is nothing to wait for: the call only paused.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.deadline == Some(0)
    }

    /// Waits in place, `at_most` so long. Whether it is time to try the call again.
    pub fn block(&self, at_most: Duration) -> std::io::Result<bool> {
        let left = self.deadline.map(|at| Duration::from_nanos(at.saturating_sub(sys::monotonic_now())));
        let streams = self.handles().map_err(|_| std::io::ErrorKind::InvalidInput)?;
        let readiness = sys::poll(&streams, left.map_or(at_most, |left| left.min(at_most)))?;
        let is_over = left.is_some_and(|left| left <= at_most) || readiness.iter().any(|stream| stream.ready);
        Ok(is_over || self.streams.iter().any(|(fd, _)| is_shut_down(fd)))
    }
}

/// What the system says of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readiness {
    /// Reading or writing would not wait: there is something, or an end, or an error.
    pub ready: bool,
    /// The peer is gone.
    pub hangup: bool,
}

/// Subscriptions of one call at most: it asks about each, and nobody can end it meanwhile.
pub const MAX_SUBSCRIPTIONS: Size = 1 << 16;

impl Wasi {
    /// Waits until one of the subscriptions has an answer, and answers each that has: `poll`. None at all are
    /// `INVAL`, and so are more than [`MAX_SUBSCRIPTIONS`].
    pub fn poll_oneoff(
        &self,
        memory: Memory,
        attempt: Attempt,
        subscriptions: Ptr<Subscription>,
        events: Ptr<Event>,
        nsubscriptions: Size,
    ) -> Result<Size> {
        let subscriptions = List { ptr: subscriptions, len: nsubscriptions };
        memory.check_list(subscriptions, <Subscription as Load>::SIZE)?;
        let load = |index| memory.load_at(subscriptions, index);
        self.poll(memory, attempt, nsubscriptions, load, events)
    }

    /// `poll_oneoff` for either layout of a subscription; `load` reads one.
    pub(crate) fn poll(
        &self,
        memory: Memory,
        attempt: Attempt,
        nsubscriptions: Size,
        load: impl Fn(Size) -> Result<Subscription>,
        events: Ptr<Event>,
    ) -> Result<Size> {
        let events = List { ptr: events, len: nsubscriptions };
        memory.check_list(events, <Event as Store>::SIZE)?;
        if !(1..=MAX_SUBSCRIPTIONS).contains(&nsubscriptions) {
            return Err(Errno::Inval.into());
        }
        let started = attempt.started.unwrap_or_else(sys::monotonic_now);
        let mut wait = Wait { attempt: Attempt { started: Some(started), ..attempt }, ..Wait::default() };
        // What is to be asked of the system and of the embedder, before what is answered from that: one question for all.
        for index in 0..nsubscriptions {
            let subscription = load(index)?;
            match self.subject(&subscription)? {
                Subject::Stream(entry, interest) => wait.add((Fd(subscription.fd), interest), entry),
                Subject::Clock(clock) if is_absolute(&subscription) => {
                    self.clocks.ask(clock, wait.attempt.told)?;
                }
                Subject::Clock(_) | Subject::Answered(_) => {}
            }
        }
        let readiness = wait.ask()?;
        let mut answered = 0;
        for index in 0..nsubscriptions {
            let subscription = load(index)?;
            let answer = match self.subject(&subscription)? {
                Subject::Answered(answer) => Some(answer),
                Subject::Stream(_, interest) => wait.answer(&readiness, (Fd(subscription.fd), interest)),
                Subject::Clock(clock) => self.clock_answer(clock, &subscription, started, &mut wait)?,
            };
            if let Some(answer) = answer {
                memory.store_at(events, answered, &answer.event(&subscription))?;
                answered += 1;
            }
        }
        if answered > 0 {
            if wait.due && wait.attempt.slept == 0 {
                // Who waits for a time to be past, and not only come, would wait for ever.
                self.clocks.sleep(1);
            }
            return Ok(answered);
        }
        if let Some(time) = wait.sleep {
            self.clocks.sleep(time);
            wait.attempt.slept = wait.attempt.slept.saturating_add(time);
            wait.deadline = Some(0);
        }
        Err(Failure::Wait(Box::new(wait)))
    }

    /// What a subscription is about. An unknown kind is `INVAL` for the whole call.
    fn subject(&self, subscription: &Subscription) -> Result<Subject> {
        let interest = match Eventtype::from_number(subscription.tag.into()).ok_or(Errno::Inval)? {
            Eventtype::Clock => {
                let flags = Subclockflags::from_bits(subscription.flags);
                return Ok(match Clockid::from_number(subscription.clock_id.into()) {
                    Some(clock) if flags.is_some() => Subject::Clock(clock),
                    _ => Subject::Answered(Answer::Error(Errno::Inval)),
                });
            }
            Eventtype::FdRead => Interest::Read,
            Eventtype::FdWrite => Interest::Write,
        };
        match self.pollable(Fd(subscription.fd), interest) {
            Ok(subject) => Ok(subject),
            Err(Failure::Errno(errno)) => Ok(Subject::Answered(Answer::Error(errno))),
            Err(failure) => Err(failure),
        }
    }

    /// A descriptor to be polled: files and directories never make anybody wait.
    fn pollable(&self, fd: Fd, interest: Interest) -> Result<Subject> {
        let fd = self.table.get(fd)?;
        fd.require(Rights::POLL_FD_READWRITE)?;
        if is_shut_down(&fd) {
            return Ok(Subject::Answered(Answer::Ready { nbytes: 0, hangup: true }));
        }
        let nbytes = match (&fd.descriptor, interest) {
            (Descriptor::Stream(stream), _) if stream.may_wait() => return Ok(Subject::Stream(fd, interest)),
            (Descriptor::File(file), Interest::Read) => file.remaining()?,
            (Descriptor::Stream(stream), Interest::Read) => sys::readable_bytes(stream.handle()),
            (Descriptor::Pipe(pipe), Interest::Read) => pipe.available(),
            _ => 0,
        };
        Ok(Subject::Answered(Answer::Ready { nbytes, hangup: false }))
    }
}

/// Whether the guest has shut down a listener that stays the host's: the system cannot report that.
fn is_shut_down(fd: &Entry) -> bool {
    matches!(&fd.descriptor, Descriptor::Stream(stream) if stream.is_shut_down())
}

/// Whether the timeout of a clock is a time of it.
fn is_absolute(subscription: &Subscription) -> bool {
    Subclockflags::from_bits_retain(subscription.flags).contains(Subclockflags::ABSTIME)
}

/// What a subscription asks about.
enum Subject {
    /// Nothing that could take time.
    Answered(Answer),
    /// A stream.
    Stream(Arc<Entry>, Interest),
    /// A clock.
    Clock(Clockid),
}

/// What a subscription is answered.
enum Answer {
    /// That it cannot be.
    Error(Errno),
    /// A descriptor is ready.
    Ready { nbytes: Filesize, hangup: bool },
    /// A clock has come so far.
    Due,
}

impl Answer {
    fn event(&self, subscription: &Subscription) -> Event {
        let mut event = Event {
            userdata: subscription.userdata,
            error: 0,
            r#type: subscription.tag,
            nbytes: 0,
            flags: Eventrwflags::empty(),
        };
        match *self {
            Answer::Error(errno) => event.error = errno as u16,
            Answer::Ready { nbytes, hangup } => {
                event.nbytes = nbytes;
                event.flags.set(Eventrwflags::FD_READWRITE_HANGUP, hangup);
            }
            Answer::Due => {}
        }
        event
    }
}

impl Wait {
    /// Adds a stream once, however often a guest names it: its table bounds the list, not its numbers.
    fn add(&mut self, place: (Fd, Interest), entry: Arc<Entry>) {
        self.places.entry(place).or_insert_with(|| {
            self.streams.push((entry, place.1));
            self.streams.len() - 1
        });
    }

    fn ask(&self) -> Result<Vec<Readiness>> {
        if self.streams.is_empty() {
            return Ok(Vec::new());
        }
        Ok(sys::poll(&self.handles()?, Duration::ZERO)?)
    }

    fn handles(&self) -> std::result::Result<Vec<(sys::Handle<'_>, Interest)>, Errno> {
        self.streams.iter().map(|(fd, interest)| Ok((fd.descriptor.handle()?, *interest))).collect()
    }

    fn answer(&self, readiness: &[Readiness], place: (Fd, Interest)) -> Option<Answer> {
        let index = *self.places.get(&place)?;
        let (readiness, (entry, interest)) = (readiness.get(index)?, self.streams.get(index)?);
        let nbytes = match interest {
            Interest::Read if readiness.ready => sys::readable_bytes(entry.descriptor.handle().ok()?),
            _ => 0,
        };
        readiness.ready.then_some(Answer::Ready { nbytes, hangup: readiness.hangup })
    }
}

impl Wasi {
    /// Whether the time of a clock subscription has come, by that clock itself. If not, `wait` is made to end no
    /// later than when to look again. A processor clock stands still while the guest waits: `NOTSUP`.
    fn clock_answer(
        &self,
        clock: Clockid,
        subscription: &Subscription,
        started: Timestamp,
        wait: &mut Wait,
    ) -> Result<Option<Answer>> {
        let (attempt, source) = (&wait.attempt, self.clocks.source(clock));
        let waited = || sys::monotonic_now().saturating_sub(started);
        let reached = match (is_absolute(subscription), source) {
            (false, Source::Fixed(_)) => attempt.slept,
            (false, Source::System | Source::Asked) => waited(),
            (true, Source::System | Source::Fixed(_)) => self.clocks.now(clock, attempt.told)?,
            // It was asked when the call was made; from then on time is the system's.
            (true, Source::Asked) => self.clocks.now(clock, attempt.told)?.saturating_add(waited()),
        };
        let left = subscription.timeout.saturating_sub(reached);
        if left == 0 {
            wait.due |= matches!(source, Source::Fixed(_));
            return Ok(Some(Answer::Due));
        }
        if clock.is_of_processor() {
            return Ok(Some(Answer::Error(Errno::Notsup)));
        }
        let (at, earliest) = match source {
            Source::Fixed(_) => (left, &mut wait.sleep),
            Source::System | Source::Asked => (sys::monotonic_now().saturating_add(left), &mut wait.deadline),
        };
        *earliest = Some(earliest.map_or(at, |earlier| earlier.min(at)));
        Ok(None)
    }
}
