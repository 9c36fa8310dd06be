'use strict'

// The table of --summary, from the lines of the option `trace`.

const { PipeReader } = require('../pipes.js')
const { writeAll } = require('./output.js')

const CALL = /^(\w+)\(/
const END = / = (?:E[A-Z\d]+( )|[^<]* )?<(\d+\.\d+)>$|\?$/

/** Formats columns, the last one to the left. */
const row = (...cells) => {
  const WIDTHS = [6, 11, 11, 9, 9]
  return cells.map((cell, index) => (index < WIDTHS.length ? String(cell).padStart(WIDTHS[index]) : cell)).join(' ')
}

/** Adds the calls of a guest up. */
class Summary {
  #reader = new PipeReader()
  #functions = new Map()
  #done

  /** `traceFd` is a descriptor to which the lines are passed on; undefined for none. */
  constructor(traceFd) {
    this.#done = this.#read(traceFd)
  }

  /** Returns the descriptor for the lines. */
  open() {
    return this.#reader.open()
  }

  /** Starts to read the lines. */
  start() {
    this.#reader.start()
  }

  async #read(traceFd) {
    const { createInterface } = require('node:readline')
    for await (const line of createInterface({ input: this.#reader, crlfDelay: Infinity })) {
      this.#add(line)
      // Ignores errors, as the option `trace` does.
      if (traceFd !== undefined) await writeAll(traceFd, Buffer.from(`${line}\n`)).catch(() => {})
    }
  }

  #add(line) {
    const [, name] = CALL.exec(line) ?? []
    if (name === undefined) return
    const [, isError, seconds = 0] = END.exec(line) ?? []
    const counts = this.#functions.get(name) ?? { name, calls: 0, errors: 0, seconds: 0 }
    counts.calls++
    if (isError !== undefined) counts.errors++
    counts.seconds += Number(seconds)
    this.#functions.set(name, counts)
  }

  /** Ends the reading of lines, after the guest. Returns the table. */
  async finish() {
    this.#reader.closeGuestEnd()
    await this.#done
    const rows = Array.from(this.#functions.values()).sort((a, b) => b.seconds - a.seconds || b.calls - a.calls)
    const sum = (key) => rows.reduce((total, counts) => total + counts[key], 0)
    const total = { name: 'total', calls: sum('calls'), errors: sum('errors'), seconds: sum('seconds') }
    const cells = ({ name, calls, errors, seconds }) => {
      const share = total.seconds > 0 ? (100 * seconds) / total.seconds : 0
      const average = calls > 0 ? Math.round((seconds * 1e6) / calls) : 0
      return row(share.toFixed(2), seconds.toFixed(6), average, calls, errors || '', name)
    }
    const rule = row(...[6, 11, 11, 9, 9, 16].map((width) => '-'.repeat(width)))
    const header = row('% time', 'seconds', 'usecs/call', 'calls', 'errors', 'function')
    return [header, rule, ...rows.map(cells), ...(rows.length > 0 ? [rule] : []), cells(total)].join('\n')
  }
}

exports.Summary = Summary
