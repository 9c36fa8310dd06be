// `npm run diff -- --seed N --calls N`: a random plan of calls on node:wasi and on capwasi, each in a process of its
// own over a copy of the same tree. Prints where they differ; fails where that is not explained (diff/expected.mjs).
// `--show TEXT` also prints explained differences whose title has TEXT in it, with an example.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { errnoName } from '../__test__/support/abi.mjs'
import { escapes, explain } from './diff/expected.mjs'
import { plan } from './diff/plan.mjs'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    calls: { type: 'string', default: '10000' },
    show: { type: 'string' },
  },
})
const seed = Number(values.seed)
const CALLS = 24
// Milliseconds for a round, after which its last call hangs: enough for fd_sync on a busy disk.
const PATIENCE = 60_000
// node:wasi never closes what its guests had open.
const ROUNDS_PER_PROCESS = 50

const work = mkdtempSync(join(tmpdir(), 'capwasi-diff-'))

/** One implementation, in a process that is replaced when it dies, hangs or has leaked enough. */
class Side {
  constructor(specifier) {
    this.specifier = specifier
    this.work = join(work, specifier.replace('node:wasi', 'nodwasi'))
    mkdirSync(this.work)
  }

  async start() {
    const runner = fileURLToPath(new URL('diff/run.mjs', import.meta.url))
    this.rounds = 0
    this.process = fork(runner, [this.specifier, this.work], { serialization: 'advanced', execArgv: ['--no-warnings'] })
    await once(this.process, 'message')
  }

  async stop() {
    const { process } = this
    this.process = undefined
    if (!process || process.exitCode !== null || process.signalCode !== null) return
    await new Promise((resolve) => process.once('exit', resolve).kill('SIGKILL'))
  }

  /** Runs a round: `{ outcomes, tree }`. Of a process that died or hung, that is the outcome of its last call. */
  async run(calls) {
    if (!this.process || this.rounds++ === ROUNDS_PER_PROCESS) {
      await this.stop()
      await this.start()
    }
    const { process } = this
    let timer
    process.send(calls)
    const answer = await new Promise((resolve) => {
      process.once('message', resolve).once('exit', (code, signal) => resolve(`dies of ${signal ?? code}`))
      timer = setTimeout(() => resolve('hangs'), PATIENCE)
    })
    clearTimeout(timer)
    process.removeAllListeners()
    if (typeof answer !== 'string') return answer
    await this.stop()
    const last = Number(readFileSync(join(this.work, 'progress'), 'utf8'))
    const outcomes = calls.map(({ id }) => (id === last ? { errno: answer, words: [] } : undefined))
    return { outcomes, tree: [] }
  }
}

const sides = [new Side('node:wasi'), new Side('capwasi')]
const DEATH = /^(hangs|dies)/
const READS = /_get$|_tell$|readlink|readdir|prestat|poll|sock|random|advise|sync/

/** Where two runs of a round differ: up to the first difference that leaves the two in different states. */
async function differences(calls) {
  const [node, capwasi] = await Promise.all(sides.map((side) => side.run(calls)))
  const found = []
  const ended = Math.max(
    ...[node, capwasi].map(({ outcomes }) => outcomes.findIndex((each) => DEATH.test(each?.errno))),
  )
  for (const [index, call] of calls.entries()) {
    const [one, other] = [node.outcomes[index], capwasi.outcomes[index]]
    if (ended !== -1) {
      // Of the side that did not come back, only the last outcome is known.
      if (index !== ended || one?.errno === other?.errno) continue
      const none = { errno: 'nothing', words: [] }
      return [{ call, node: one ?? none, capwasi: other ?? none, before: calls.slice(0, index) }]
    }
    // What lets a guest out counts as different, as node:wasi may do the same.
    if (one.errno === other.errno && isDeepStrictEqual(one.result, other.result) && !escapes(other)) continue
    found.push({ call, node: one, capwasi: other, before: calls.slice(0, index) })
    const bothFailed = one.errno !== 0 && other.errno !== 0
    if (!READS.test(call.name) && !bothFailed) return found
  }
  if (ended === -1 && !isDeepStrictEqual(node.tree, capwasi.tree)) {
    const only = (lines, others) => lines.filter((line) => !others.includes(line))
    found.push({
      call: { name: 'the tree left', args: [] },
      before: calls,
      node: { errno: 0, result: only(node.tree, capwasi.tree), words: [] },
      capwasi: { errno: 0, result: only(capwasi.tree, node.tree), words: [] },
    })
  }
  return found
}

const title = ({ call, node, capwasi }) => `${call.name}  ${errnoName(node.errno)} -> ${errnoName(capwasi.errno)}`

const text = (value) =>
  JSON.stringify(value, (_, each) => {
    if (typeof each === 'bigint') return `${each}n`
    return typeof each === 'string' && each.length > 60 ? `${each.slice(0, 20)}… (${each.length})` : each
  })
const operand = (arg) => {
  if (arg?.fd !== undefined) return `#${arg.fd}`
  return typeof arg === 'bigint' ? `0x${BigInt.asUintN(64, arg).toString(16)}n` : text(arg?.text ?? arg)
}
/** A call as it reads: `#1` is its number, and the descriptor that it opened. */
const line = ({ id, name, args }) => `${id === undefined ? '' : `#${id} `}${name}(${args.map(operand).join(', ')})`

/** The fewest calls that still make the difference. */
async function shrink(difference) {
  const wanted = [title(difference), explain(difference)]
  const last = difference.call.id === undefined ? [] : [difference.call]
  let best = difference
  for (let index = difference.before.length - 1; index >= 0; index--) {
    const fewer = best.before.filter((_, at) => at !== index)
    const again = (await differences([...fewer, ...last])).find((each) =>
      isDeepStrictEqual([title(each), explain(each)], wanted),
    )
    if (again) best = again
  }
  return best
}

const groups = new Map()
let calls = 0
for (let round = 0; calls < Number(values.calls); round++) {
  const steps = plan(seed, round, CALLS)
  calls += steps.length
  for (const difference of await differences(steps)) {
    const why = explain(difference)
    const key = `${title(difference)}${why ? `  (${why})` : ''}`
    const group = groups.get(key) ?? groups.set(key, { why, count: 0, round, example: difference }).get(key)
    group.count++
    // The shorter, the clearer.
    if (difference.before.length < group.example.before.length) Object.assign(group, { example: difference, round })
  }
}

const ordered = [...groups].sort(([one], [other]) => one.localeCompare(other))
const [explained, unexplained] = [ordered.filter(([, { why }]) => why), ordered.filter(([, { why }]) => !why)]
console.log(`${calls} calls, seed ${seed}, Node ${process.version}\n\nExplained:`)
for (const [key, { count }] of explained) console.log(`${String(count).padStart(6)}  ${key}`)
if (unexplained.length) console.log('\nNOT EXPLAINED:')
for (const [key, { why, count, example, round }] of ordered) {
  if (why && !(values.show && key.includes(values.show))) continue
  const small = await shrink(example)
  console.log(`\n${String(count).padStart(6)}  ${key}   (round ${round})`)
  for (const call of small.before) console.log(`          after  ${line(call)}`)
  console.log(`                 ${line(small.call)}  ${small.node.words.join(' ')}`)
  if (small.node.result !== undefined) console.log(`        node:wasi  ${text(small.node.result)}`)
  if (small.capwasi.result !== undefined) console.log(`          capwasi  ${text(small.capwasi.result)}`)
}
await Promise.all(sides.map((side) => side.stop()))
rmSync(work, { recursive: true, force: true })
process.exitCode = unexplained.length ? 1 : 0
