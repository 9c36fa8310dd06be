import test from 'ava'
import { launch, prints, throughPipes } from '../guests/run.mjs'
import { onPosix } from '../support/conditions.mjs'

test('both clocks wait for spans and for deadlines, and deadlines past are due', async (t) => {
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

test('the soonest of several clocks ends the wait, and all that are due are told', async (t) => {
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

test('the sleeps of libc last at least as long as they should', async (t) => {
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

test('regular files are ready, with the bytes that are left', async (t) => {
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

test('every subscription that is ready is answered, a bad descriptor by an error of its own', async (t) => {
  await prints(
    t,
    'poll',
    'together',
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

test('no subscription, or one of an unknown type, is EINVAL', async (t) => {
  await prints(
    t,
    'poll',
    'nothing',
    `
__wasi_poll_oneoff(subs, events, 0, &nevents): EINVAL
__wasi_poll_oneoff(subs, events, nsubs, &nevents): EINVAL
`,
  )
})

for (const [kind, through] of Object.entries({ socket: [], pipe: throughPipes })) {
  const on = kind === 'pipe' ? onPosix : test

  for (const touch of [[], ['stdin']]) {
    const used = touch.length ? ' that the host has used' : ''

    on(`data that waits on a ${kind}${used} ends the wait, and so does its end`, async (t) => {
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
        { stdin: 'hello', through, touch },
      )
    })
  }

  on(`a silent ${kind} leaves the wait to its clock, and then ends the wait when it speaks`, async (t) => {
    const running = launch('poll', ['silence'], { through })
    // The guest has waited in vain before it asks for this.
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

  on(`a ${kind} with room is ready to be written`, async (t) => {
    await prints(t, 'poll', 'output', 'write 1', { through })
  })
}
