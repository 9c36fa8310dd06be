// `npm run diff -- --seed N --calls N`: makes the same random calls on node:wasi and on capwasi, each in its own
// process on its own copy of a directory tree. Prints the differences. Exits with 1 if one of them is not expected
// (diff/expected.mjs). `--show TEXT` also prints an example of each expected difference with TEXT in its title.
// `--backend memory` or `--backend overlay` compares a directory of the host with such a directory, both on capwasi
// (expected differences: diff/backends.mjs).

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { errnoName } from '../__test__/support/abi.mjs'
import * as backends from './diff/backends.mjs'
import { ROWS } from './diff/expected.mjs'
import { escapes, explain } from './diff/explain.mjs'
import { plan } from './diff/plan.mjs'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    calls: { type: 'string', default: '10000' },
    show: { type: 'string' },
    backend: { type: 'string' },
  },
})
const seed = Number(values.seed)
const { backend } = values
if (backend && !['memory', 'overlay'].includes(backend)) throw new Error(`--backend ${backend}: not memory or overlay`)
const rows = backend ? backends.ROWS : ROWS
const CALLS_PER_ROUND = 24
// If a round takes longer, its last call counts as a hang. fd_sync on a busy disk can take seconds.
const ROUND_TIMEOUT_MS = 60_000
// node:wasi never closes its guests' descriptors.
const ROUNDS_PER_PROCESS = 50

const work = mkdtempSync(join(tmpdir(), 'capwasi-diff-'))

/** One implementation in a process, which is replaced when it dies, hangs, or has run ROUNDS_PER_PROCESS rounds. */
class Implementation {
  constructor(specifier, backend = '') {
    this.specifier = specifier
    this.backend = backend
    this.name = backend || specifier
    this.work = join(work, this.name.replace(':', ''))
    mkdirSync(this.work)
  }

  async start() {
    const runner = fileURLToPath(new URL('diff/run.mjs', import.meta.url))
    this.rounds = 0
    this.process = fork(runner, [this.specifier, this.work, this.backend], {
      serialization: 'advanced',
      execArgv: ['--no-warnings'],
    })
    await once(this.process, 'message')
  }

  async stop() {
    const { process } = this
    this.process = undefined
    if (!process || process.exitCode !== null || process.signalCode !== null) return
    await new Promise((resolve) => process.once('exit', resolve).kill('SIGKILL'))
  }

  /** Runs a round. Returns `{ outcomes, tree }`; if the process died or hung, only the outcome of its last call. */
  async run(calls) {
    if (!this.process || this.rounds++ === ROUNDS_PER_PROCESS) {
      await this.stop()
      await this.start()
    }
    const { process } = this
    let timer
    process.send(calls)
    const reply = await new Promise((resolve) => {
      process.once('message', resolve).once('exit', (code, signal) => resolve(`dies of ${signal ?? code}`))
      timer = setTimeout(() => resolve('hangs'), ROUND_TIMEOUT_MS)
    })
    clearTimeout(timer)
    process.removeAllListeners()
    if (typeof reply !== 'string') return reply
    await this.stop()
    const last = Number(readFileSync(join(this.work, 'progress'), 'utf8'))
    const outcomes = calls.map(({ id }) => (id === last ? { errno: reply, words: [] } : undefined))
    return { outcomes, tree: [] }
  }
}

const implementations = backend
  ? [new Implementation('capwasi', 'host'), new Implementation('capwasi', backend)]
  : [new Implementation('node:wasi'), new Implementation('capwasi')]
const DEATH = /^(hangs|dies)/
const READS = /_get$|_tell$|readlink|readdir|prestat|poll|sock|random|advise|sync/

/** Runs a round on both implementations. Returns the differences, up to the first one after which the states differ. */
async function differences(calls) {
  const [reference, subject] = await Promise.all(implementations.map((each) => each.run(calls)))
  const found = []
  const ended = Math.max(
    ...[reference, subject].map(({ outcomes }) => outcomes.findIndex((each) => DEATH.test(each?.errno))),
  )
  for (const [index, call] of calls.entries()) {
    const [one, other] = [reference.outcomes[index], subject.outcomes[index]]
    if (ended !== -1) {
      // Only the last outcome of the process that died or hung is known.
      if (index !== ended || one?.errno === other?.errno) continue
      const none = { errno: 'nothing', words: [] }
      return [{ call, reference: one ?? none, subject: other ?? none, before: calls.slice(0, index) }]
    }
    // An escape always counts as a difference, because node:wasi may allow it too.
    if (one.errno === other.errno && isDeepStrictEqual(one.result, other.result) && !escapes(other)) continue
    found.push({ call, reference: one, subject: other, before: calls.slice(0, index) })
    // An allocation that fails may have allocated a part.
    const bothFailed = one.errno !== 0 && other.errno !== 0 && call.name !== 'fd_allocate'
    if (!READS.test(call.name) && !bothFailed) return found
  }
  if (ended === -1 && !isDeepStrictEqual(reference.tree, subject.tree)) {
    const only = (lines, others) => lines.filter((line) => !others.includes(line))
    found.push({
      call: { name: 'final tree', args: [] },
      before: calls,
      reference: { errno: 0, result: only(reference.tree, subject.tree), words: [] },
      subject: { errno: 0, result: only(subject.tree, reference.tree), words: [] },
    })
  }
  return found
}

const title = ({ call, reference, subject }) =>
  `${call.name}  ${errnoName(reference.errno)} -> ${errnoName(subject.errno)}`

const text = (value) =>
  JSON.stringify(value, (_, each) => {
    if (typeof each === 'bigint') return `${each}n`
    return typeof each === 'string' && each.length > 60 ? `${each.slice(0, 20)}… (${each.length})` : each
  })
const operand = (arg) => {
  if (arg?.fd !== undefined) return `#${arg.fd}`
  return typeof arg === 'bigint' ? `0x${BigInt.asUintN(64, arg).toString(16)}n` : text(arg?.text ?? arg)
}
/** Formats a call. `#1` stands for the number of a call and for the descriptor that it opened. */
const line = ({ id, name, args }) => `${id === undefined ? '' : `#${id} `}${name}(${args.map(operand).join(', ')})`

/** Removes all calls that a difference does not need. */
async function shrink(difference) {
  const wanted = [title(difference), explain(rows, difference)]
  const last = difference.call.id === undefined ? [] : [difference.call]
  let best = difference
  for (let index = difference.before.length - 1; index >= 0; index--) {
    const fewer = best.before.filter((_, at) => at !== index)
    const again = (await differences([...fewer, ...last])).find((each) =>
      isDeepStrictEqual([title(each), explain(rows, each)], wanted),
    )
    if (again) best = again
  }
  return best
}

const groups = new Map()
let calls = 0
for (let round = 0; calls < Number(values.calls); round++) {
  const steps = plan(seed, round, CALLS_PER_ROUND)
  calls += steps.length
  for (const difference of await differences(steps)) {
    const why = explain(rows, difference)
    const key = `${title(difference)}${why ? `  (${why})` : ''}`
    const group = groups.get(key) ?? groups.set(key, { why, count: 0, round, example: difference }).get(key)
    group.count++
    // Prefer the shortest example.
    if (difference.before.length < group.example.before.length) Object.assign(group, { example: difference, round })
  }
}

const ordered = [...groups].sort(([one], [other]) => one.localeCompare(other))
const [expected, unexpected] = [ordered.filter(([, { why }]) => why), ordered.filter(([, { why }]) => !why)]
const names = implementations.map(({ name }) => name).join(' and ')
console.log(`${calls} calls on ${names}, seed ${seed}, Node ${process.version}\n\nExpected:`)
for (const [key, { count }] of expected) console.log(`${String(count).padStart(6)}  ${key}`)
if (unexpected.length) console.log('\nUNEXPECTED:')
for (const [key, { why, count, example, round }] of ordered) {
  if (why && !(values.show && key.includes(values.show))) continue
  const small = await shrink(example)
  console.log(`\n${String(count).padStart(6)}  ${key}   (round ${round})`)
  for (const call of small.before) console.log(`          after  ${line(call)}`)
  console.log(`                 ${line(small.call)}  ${small.reference.words.join(' ')}`)
  for (const [index, { result }] of [small.reference, small.subject].entries())
    if (result !== undefined) console.log(`${implementations[index].name.padStart(17)}  ${text(result)}`)
}
await Promise.all(implementations.map((each) => each.stop()))
rmSync(work, { recursive: true, force: true })
process.exitCode = unexpected.length ? 1 : 0
