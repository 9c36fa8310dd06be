import test from 'ava'
import { launch, prints, throughPipes } from '../guests/run.mjs'
import { onPosix } from '../support/conditions.mjs'

test('poll_oneoff waits for timeouts and deadlines on both clocks, and returns past deadlines at once', async (t) => {
  await prints(
    t,
    'poll',
    'clocks',
    `
realtime
clock 1
30 ms: ok
clock 2
500 us: ok
clock 3
2.9 ms: ok
clock 4
nothing: ok
clock 5
time_of(id) >= deadline: yes
a deadline: ok
clock 6
a deadline long past: ok
clock 7
a deadline just past: ok
clock 8
the deadline 0: ok
monotonic
clock 1
30 ms: ok
clock 2
500 us: ok
clock 3
2.9 ms: ok
clock 4
nothing: ok
clock 5
time_of(id) >= deadline: yes
a deadline: ok
clock 6
a deadline long past: ok
clock 7
a deadline just past: ok
clock 8
the deadline 0: ok
`,
  )
})

test('poll_oneoff on several clocks waits for the first and returns all that are due', async (t) => {
  await prints(
    t,
    'poll',
    'several clocks',
    `
clock 2
the soonest: ok
clock 1
clock 2
clock 4
all that are due: ok
`,
  )
})

test('nanosleep, usleep, sleep, clock_nanosleep and poll wait at least as long as requested', async (t) => {
  await prints(
    t,
    'poll',
    'sleeps',
    `
nanosleep(&t, NULL): 0
nanosleep: ok
usleep(30000): 0
usleep: ok
sleep(1): 0
sleep: ok
clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL): ok
clock_nanosleep: ok
clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL): ok
clock_nanosleep until: ok
clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL): ok
clock_nanosleep until a moment past: ok
clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL): ok
clock_nanosleep until ten seconds ago: ok
poll(NULL, 0, 20): 0
poll: ok
`,
  )
})

test('poll_oneoff reports regular files as ready, with the bytes left to read', async (t) => {
  await prints(
    t,
    'poll',
    'files',
    `
read 1 6 bytes
read 3 6 bytes
write 4
read 5 0 bytes
poll(&(struct pollfd){.fd = fd, .events = POLLIN | POLLOUT}, 1, 1000): 1
`,
  )
})

test('poll_oneoff returns all ready subscriptions, and EBADF in the event of a bad descriptor', async (t) => {
  await prints(
    t,
    'poll',
    'mixed',
    `
clock 1
read 2 10 bytes
read 3 EBADF
write 4
clock 5
write 7 EBADF
read 8 10 bytes
read 1 EBADF
`,
  )
})

test('poll_oneoff with no subscription or an unknown type fails with EINVAL', async (t) => {
  await prints(
    t,
    'poll',
    'invalid',
    `
__wasi_poll_oneoff(subs, events, 0, &nevents): EINVAL
__wasi_poll_oneoff(subs, events, nsubs, &nevents): EINVAL
`,
  )
})

for (const [kind, through] of Object.entries({ socket: [], pipe: throughPipes })) {
  const on = kind === 'pipe' ? onPosix : test

  for (const usedStreams of [[], ['stdin']]) {
    const used = usedStreams.length ? ' used by the host as process.stdin' : ''

    on(`poll_oneoff reports data and end-of-file on a ${kind}${used}`, async (t) => {
      await prints(
        t,
        'poll',
        'input',
        `
read 1 5 bytes
read(0, buffer, 3): "hel"
poll(&p, 1, 5000): 1
p.revents & POLLIN: yes
read(0, buffer, 3): "lo"
read 3 0 bytes
read(0, buffer, 3): ""
`,
        { stdin: 'hello', through, usedStreams },
      )
    })
  }

  on(`poll_oneoff on an idle ${kind} returns the clock, and later the data`, async (t) => {
    const running = launch('poll', ['idle'], { through })
    // The guest prints this after its waits without data.
    running.stdout.on('data', (chunk) => String(chunk).includes('now speak') && running.stdin.end('hello'))
    const { code, error, stdout } = await running.finished
    t.deepEqual({ code, error }, { code: 0, error: undefined })
    t.is(
      stdout.trim(),
      `
clock 2
50 ms: ok
poll(&p, 1, 0): 0
poll(&p, 1, 30): 0
select(1, &set, NULL, NULL, &(struct timeval){0, 10000}): 0
now speak
read 3 5 bytes
read(0, buffer, sizeof buffer): "hello"
`.trim(),
    )
  })

  on(`poll_oneoff reports a ${kind} with space as writable`, async (t) => {
    await prints(t, 'poll', 'output', 'write 1', { through })
  })
}
