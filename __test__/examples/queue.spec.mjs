// examples/queue with a real Redis and worker processes.

import test from 'ava'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Queue, QueueEvents } from 'bullmq'
import { slow } from '../support/conditions.mjs'
import { node, root, TIMEOUT_MS } from '../support/host.mjs'
import { hasRedis, startRedis } from '../support/redis.mjs'

const JOBS = 500
const onRedis = hasRedis
  ? slow(test.serial)
  : (title, run) => test.skip(`${title} (redis-server is not installed)`, run)

const guest = (name) => readFileSync(join(root, `examples/guests/${name}.wasm`))

/** Starts the worker of the example in a process of its own. */
async function startWorker(t, name) {
  const worker = spawn(process.execPath, ['examples/queue/worker.mjs', name], { cwd: root })
  t.teardown(() => worker.kill('SIGKILL'))
  worker.output = ''
  worker.stderr.on('data', (chunk) => {
    worker.output += chunk
  })
  await once(worker.stdout, 'data')
  return worker
}

/** Starts a Redis, a producer and workers. `completions` counts the events `completed` by the id of the job. */
async function setUp(t, names) {
  process.env.REDIS_URL = await startRedis(t)
  const { Producer } = await import('../../examples/queue/producer.mjs')
  const { connect, QUEUE } = await import('../../examples/queue/redis.mjs')
  const connection = connect()
  const queue = new Queue(QUEUE, { connection })
  const events = new QueueEvents(QUEUE, { connection })
  const completions = new Map()
  events.on('completed', ({ jobId }) => completions.set(jobId, (completions.get(jobId) ?? 0) + 1))
  await events.waitUntilReady()
  const producer = new Producer()
  t.teardown(async () => {
    await Promise.all([producer.close(), queue.close(), events.close()])
    connection.disconnect()
  })
  const started = await Promise.all(names.map((name) => startWorker(t, name)))
  const workers = Object.fromEntries(names.map((name, index) => [name, started[index]]))
  return { producer, queue, connection, completions, workers }
}

/** Waits until a condition holds. */
async function until(condition) {
  const deadline = Date.now() + TIMEOUT_MS
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not within ${TIMEOUT_MS} ms: ${condition}`)
    await sleep(5)
  }
}

/** Stops the process of a worker at a moment when it runs a job. Returns the ids of its jobs. */
async function freeze(queue, name, worker) {
  for (;;) {
    worker.kill('SIGSTOP')
    await sleep(20)
    const jobs = (await queue.getActive()).filter((job) => job?.processedBy === name)
    if (jobs.length > 0) return jobs.map(({ id }) => id)
    worker.kill('SIGCONT')
    await sleep(5)
  }
}

const result = (stdout, end) => ({ stdout, stderr: '', timedOut: false, ...end })

/** Returns a job and its expected result. One of twenty jobs is a guest that fails. */
function plan(index, { words, plugin }) {
  const hello = 'Hello from a plugin\n'
  const denied = '/etc/passwd: No such file or directory\n'
  const noMemory = 'malloc: Out of memory\n'
  const failures = [
    [{ program: plugin, args: ['crash'] }, result(hello, { trap: 'unreachable' })],
    [{ program: plugin, args: ['spy'] }, result(hello, { exitCode: 1, stderr: denied })],
    [{ program: plugin, args: ['wait'], timeout: 500 }, result(hello, { timedOut: true })],
    [
      { program: plugin, args: ['hoard'], limits: { memory: 32 * 2 ** 20 } },
      result(hello, { exitCode: 1, stderr: noMemory, exceeded: 'memory' }),
    ],
  ]
  if (index % 20 === 0) return failures[(index / 20) % failures.length]
  return [{ program: words, input: 'word '.repeat(index) }, result(`${index} words\n`, { exitCode: 0 })]
}

onRedis('500 jobs on three workers, of which one is killed, have one right result each', async (t) => {
  const { producer, queue, completions, workers } = await setUp(t, ['a', 'b', 'c'])
  const [words, plugin] = await Promise.all(['words', 'plugin'].map((name) => producer.storeProgram(guest(name))))
  const plans = Array.from({ length: JOBS }, (_, index) => plan(index, { words, plugin }))
  const run = async ([job], index) => {
    await producer.submit(`job-${index}`, job)
    // Submitted again, as by a producer that did not receive the answer.
    const { stdout, stderr, ...end } = await producer.result(await producer.submit(`job-${index}`, job))
    return { stdout: String(stdout), stderr: String(stderr), ...end }
  }
  const results = Promise.all(plans.map(run))
  await Promise.race([until(() => completions.size > JOBS / 5), results])
  const lost = await freeze(queue, 'b', workers.b)
  t.true(completions.size < JOBS)
  workers.b.kill('SIGKILL')

  const wrong = (await results).flatMap((received, index) => {
    const [, expected] = plans[index]
    return isDeepStrictEqual(received, expected) ? [] : [{ index, received, expected }]
  })
  t.deepEqual(wrong, [])
  await until(() => completions.size === JOBS)
  t.true(Array.from(completions.values()).every((count) => count === 1))
  t.deepEqual(await queue.getJobCounts('completed', 'failed', 'wait', 'active'), {
    completed: JOBS,
    failed: 0,
    wait: 0,
    active: 0,
  })
  for (const id of lost) {
    const job = await queue.getJob(id)
    t.true(['a', 'c'].includes(job.processedBy))
    t.is(job.attemptsStarted, 2)
  }
  t.deepEqual([workers.a.output, workers.c.output], ['', ''])
})

onRedis('a worker that was silent until another one had taken its job delivers no second result', async (t) => {
  const { producer, queue, completions, workers } = await setUp(t, ['a', 'b'])
  const program = await producer.storeProgram(guest('plugin'))
  const job = await producer.submit('once', { program, args: ['wait'], timeout: 1000 })
  await until(async () => (await queue.getActiveCount()) === 1)
  const { processedBy } = await queue.getJob('once')
  const other = { a: 'b', b: 'a' }[processedBy]
  await freeze(queue, processedBy, workers[processedBy])

  t.true((await producer.result(job)).timedOut)
  workers[processedBy].kill('SIGCONT')
  await until(() => workers[processedBy].output.includes('lock'))
  const { returnvalue, ...finished } = await queue.getJob('once')
  t.deepEqual([returnvalue.timedOut, finished.processedBy, completions.get('once')], [true, other, 1])
})

onRedis('a worker that gets SIGTERM finishes its jobs and ends', async (t) => {
  const { producer, queue, workers } = await setUp(t, ['a'])
  const program = await producer.storeProgram(guest('plugin'))
  const job = await producer.submit('last', { program, args: ['wait'], timeout: 200 })
  await until(async () => (await queue.getActiveCount()) === 1)
  workers.a.kill('SIGTERM')
  t.deepEqual(await once(workers.a, 'exit'), [0, null])
  t.true((await producer.result(job)).timedOut)
})

onRedis('submit.mjs and the example of docs/many-machines.md print the output of a guest', async (t) => {
  await setUp(t, ['a'])
  const command = ['examples/queue/submit.mjs', 'examples/guests/words.wasm']
  const submitted = spawnSync(process.execPath, command, { cwd: root, input: 'to be or not to be', encoding: 'utf8' })
  t.like(submitted, { status: 0, stdout: '6 words\n', stderr: '' })

  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(join(root, 'docs/many-machines.md'), 'utf8'))
  t.like(await node(example, { module: true }), { code: 0, stdout: '0 6 words\n\n', stderr: '' })
})

onRedis('a program whose bytes do not have its hash does not run', async (t) => {
  const { producer, connection } = await setUp(t, ['a'])
  const program = await producer.storeProgram(guest('words'))
  await connection.set(`program:${program}`, 'other bytes')
  const job = await producer.submit('damaged', { program })
  await t.throwsAsync(producer.result(job), { message: `The bytes of program ${program} have another hash` })
})
