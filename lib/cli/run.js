'use strict'

// Runs the program of a command line. Returns the exit status.

const { Execution } = require('../execution.js')
const { failToOpen, openDirectories, readDirectories, reportChanges } = require('./directories.js')
const { escapeControls, fail, list, report, show } = require('./messages.js')
const { argv0Of, callable, loadProgram } = require('./program.js')
const { reasonOf } = require('./reasons.js')
const { openTrace, readNumbers, readSettings } = require('./settings.js')
const { OnlyThread } = require('./thread.js')

/** Exit statuses of the command itself. */
const STATUS = { trap: 134, limit: 124 }

/** Converts an error before code of the guest runs to one that names the program or the option of the command line. */
function explain(error, program, { listen, 'max-files': maxFiles }, directories) {
  const { code, path, message } = error
  if (message.startsWith('WebAssembly.')) fail(`${program.name}: ${message}`)
  if (code === undefined) throw error
  const [, socket] = /options\.sockets\[(\d+)\]/.exec(message) ?? []
  if (socket !== undefined) {
    const expected = 'not an IP address with a port; expected ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:0'
    fail(`--listen ${show(listen[socket])}: ${code.startsWith('UVWASI_') ? reasonOf(error) : expected}`)
  }
  if (path !== undefined) {
    const isReadonly = directories.some(({ preopen }) => preopen.path === path)
    failToOpen('--dir', path, error, isReadonly ? ':ro' : '')
  }
  const [needs] = /the options need .*/.exec(message) ?? []
  if (needs !== undefined) fail(`--max-files ${maxFiles}: too small; ${needs}`)
  fail(message)
}

/** Prints a trap with the WebAssembly frames of its stack. */
function reportTrap({ message, stack }) {
  const frames = stack.split('\n').filter((line) => line.includes('wasm://'))
  const lines = [`capwasi: the program trapped: ${message}`, ...frames]
  console.error(lines.map((line) => escapeControls(line)).join('\n'))
}

/** Limits that stop a program, and limits that refuse something to it, by the name in `exceeded`. */
const STOPPING = { timeout: 'timeout', cpuTime: 'max-cpu-time', output: 'max-output', memory: 'max-memory' }
const REFUSING = { openFiles: 'max-files', writtenBytes: 'max-written', memory: 'max-memory', threads: 'max-threads' }

/** Reports how the program has ended. Returns the exit status. */
function reportEnd({ exitCode, trap, timedOut, exceeded, results = [] }, isOutputExceeded, values) {
  const hasEnded = exitCode !== undefined || trap !== undefined
  const stoppedBy = isOutputExceeded ? 'output' : timedOut ? 'timeout' : exceeded
  if (trap !== undefined) reportTrap(trap)
  if (isOutputExceeded || !hasEnded) {
    const option = STOPPING[stoppedBy]
    report(`the program was stopped: it reached --${option} ${values[option]}`)
    return STATUS.limit
  }
  for (const result of results) console.log(result)
  const option = REFUSING[exceeded]
  const hasFailed = trap !== undefined || exitCode !== 0
  // A program that is near the limit of its memory may not have reached it.
  if (values[option] !== undefined && (hasFailed || exceeded !== 'memory')) {
    report(`the program reached --${option} ${values[option]}`)
  }
  return trap === undefined ? exitCode : STATUS.trap
}

/** Names the exports of a reactor that was only initialized. */
function reportReactor(program) {
  const names = callable(program)
  if (names.length > 0) report(`${program.name} is a reactor; call an export with --invoke NAME: ${list(names)}`)
}

/** Returns where the calls are logged: the descriptor, and the summary if there is one. */
function traceOf(values, traceFile) {
  const fd = traceFile !== undefined ? openTrace(traceFile) : values.trace ? 2 : undefined
  if (!values.summary) return { trace: fd }
  const { Summary } = require('./summary.js')
  const summary = new Summary(fd)
  return { trace: summary.open(), summary }
}

const nothing = () => {}

/** Connects a stream of the guest to the same stream of the process. */
const inherited = (fd) => ({ open: () => fd, start: nothing, close: nothing })

/** Returns the connections of stdout and stderr, as lib/process-stdio.js describes them. */
function outputsOf(maxOutput, onExceed) {
  if (maxOutput === undefined) return [1, 2].map(inherited)
  const { LimitedOutput } = require('./output.js')
  return [1, 2].map((fd) => new LimitedOutput(fd, maxOutput, onExceed))
}

/** Prints each port that the system chose for `:0`. */
function reportAddresses(addresses, sockets = []) {
  const chosen = addresses.filter((_, index) => sockets[index].endsWith(':0'))
  for (const address of chosen) report(`listening on ${address}`)
}

async function run({ values, traceFile, program: path, args }) {
  const directories = readDirectories(values)
  const { maxOutput, ...settings } = readSettings(values)
  const { timeout, limits, sockets } = settings
  const numbers = values.invoke === undefined ? [] : readNumbers(args)
  const isThreadNeeded = values.summary || [timeout, limits.cpuTime, maxOutput].some((limit) => limit !== undefined)
  const thread = new OnlyThread(isThreadNeeded)
  const program = await loadProgram(path, limits, values)
  const invoke = program.isCommand && values.invoke === undefined ? undefined : { name: values.invoke, numbers }
  const preopens = openDirectories(directories)
  const { trace, summary } = traceOf(values, traceFile)
  const argv0 = values.argv0 ?? argv0Of(path)
  const options = { ...settings, argv0, preopens, trace, invoke, reject: false }
  const outputs = outputsOf(maxOutput, () => execution.stop({ reason: 'limit', exceeded: 'output' }))
  const given = values.invoke === undefined ? args : []
  const execution = new Execution(thread, { load: () => program }, given, options, [inherited(0), ...outputs])
  execution.onStart = () => {
    reportAddresses(execution.addresses, sockets)
    summary?.start()
  }
  let result
  try {
    result = await execution.run()
  } catch (error) {
    // An open pipe would keep the process alive.
    await summary?.finish()
    explain(error, program, values, directories)
  }
  try {
    if (result.exitCode === 0 && invoke !== undefined && values.invoke === undefined) reportReactor(program)
    const isOutputExceeded = outputs.some((output) => output.isExceeded)
    return reportEnd(result, isOutputExceeded, values)
  } finally {
    if (values.changes) reportChanges(directories)
    if (summary !== undefined) console.error(await summary.finish())
  }
}

exports.run = run
