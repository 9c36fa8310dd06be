'use strict'

// A guest of `spawn`, with the events and streams of a ChildProcess.

const { EventEmitter } = require('node:events')
const { Duplex, finished } = require('node:stream')
const { Execution } = require('./execution.js')
const { PipeReader, PipeWriter } = require('./pipes.js')
const { connectOutputs, connectStdin } = require('./process-stdio.js')

/** A running guest. Described in process.d.ts. */
class GuestProcess extends EventEmitter {
  #execution
  #result
  #isResultUsed = false
  exitCode = null

  constructor(threads, program, args, options) {
    super()
    const fail = (error) => this.#execution.fail(error)
    const [stdin, ...outputs] = options.stdio
    const input = stdin === 'pipe' ? new PipeWriter() : stdin
    const targets = outputs.map((output) => (output === 'pipe' ? new PipeReader() : output))
    const stdio = [connectStdin(input, fail), ...connectOutputs(targets, fail)]
    ;[this.stdin, this.stdout, this.stderr] = stdio.map(({ stream }, fd) =>
      options.stdio[fd] === 'pipe' ? stream : null,
    )
    this.#execution = new Execution(threads, program, args, options, stdio)
    this.#execution.onStart = () => this.#emitLater('spawn')
    this.#execution.onExit = (code, reason) => this.#exit(code, reason)
    this.#result = this.#execution.run()
    this.#result.catch(() => {})
  }

  get addresses() {
    return this.#execution.addresses
  }

  /** The result, for the pool. */
  get settled() {
    return this.#result
  }

  get result() {
    this.#isResultUsed = true
    return this.#result
  }

  /** Emits an event outside the execution, which an exception of a listener must not disturb. */
  #emitLater(name, ...args) {
    process.nextTick(() => this.emit(name, ...args))
  }

  #exit(code, reason) {
    this.exitCode = code
    if (reason === 'error') this.#result.catch((error) => this.#fail(error))
    else this.#emitLater('exit', code, reason)
    process.nextTick(() => this.#close(code, reason))
  }

  /** Emits `close` when the streams that are read have ended. */
  #close(code, reason) {
    const streams = [this.stdin, this.stdout, this.stderr].filter((stream) => stream !== null && !stream.isUnread)
    const closed = streams.map((stream) => new Promise((resolve) => finished(stream, resolve)))
    const settled = this.#result.catch(() => {})
    Promise.all([settled, ...closed]).then(() => this.#emitLater('close', code, reason))
  }

  /** Emits the error of a guest that could not start, unless `result` reports the error and there is no listener. */
  #fail(error) {
    if (!this.#isResultUsed || this.listenerCount('error') > 0) this.#emitLater('error', error)
  }

  duplex() {
    return Duplex.from({ writable: this.stdin, readable: this.stdout })
  }

  kill() {
    return this.#execution.stop({ reason: 'kill' })
  }

  ref() {
    this.#execution.ref()
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.ref()
    return this
  }

  unref() {
    this.#execution.unref()
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.unref()
    return this
  }
}

if (Symbol.asyncDispose) {
  GuestProcess.prototype[Symbol.asyncDispose] = async function () {
    this.kill()
    await this.result.catch(() => {})
  }
}

exports.GuestProcess = GuestProcess
