'use strict'

// The backends of a `Directory`, for specs that run on each of them. CommonJS for guests/child.cjs.

const fs = require('node:fs')
const { join } = require('node:path')
const { Directory } = require('../..')

const below = (directory, name) => (directory === '.' ? name : `${directory}/${name}`)

/** Copies a directory of the host into a `Directory`, with modes and links. */
function copyIn(directory, path, at = '.') {
  for (const entry of fs.readdirSync(join(path, at), { withFileTypes: true })) {
    const name = below(at, entry.name)
    const from = join(path, name)
    if (entry.isSymbolicLink()) {
      directory.symlinkSync(fs.readlinkSync(from), name)
      continue
    }
    if (entry.isDirectory()) {
      directory.mkdirSync(name)
      copyIn(directory, path, name)
    } else directory.writeFileSync(name, fs.readFileSync(from))
    directory.chmodSync(name, fs.lstatSync(from).mode & 0o7777)
  }
  return directory
}

/** Copies a `Directory` into an empty directory of the host. */
function copyOut(directory, path, at = '.') {
  for (const entry of directory.readdirSync(at, { withFileTypes: true })) {
    const name = below(at, entry.name)
    const to = join(path, name)
    if (entry.isSymbolicLink()) fs.symlinkSync(directory.readlinkSync(name), to)
    else if (entry.isDirectory()) {
      fs.mkdirSync(to)
      copyOut(directory, path, name)
    } else fs.writeFileSync(to, directory.readFileSync(name))
  }
}

/** Describes the entries below a directory of the host. Every change of an entry changes its ctime. */
function stateOf(path) {
  // Not the option `recursive`, with which Bun follows links.
  const entries = fs.readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  const lines = entries.map((entry) => {
    const name = join(path, entry.name)
    const line = `${name} ${fs.lstatSync(name, { bigint: true }).ctimeNs}`
    return entry.isDirectory() ? `${line}\n${stateOf(name)}` : line
  })
  return lines.join('\n')
}

const OPEN = {
  host: (path) => Directory.open(path),
  memory: (path) => copyIn(Directory.memory(), path),
  overlay: (path) => Directory.overlay(path),
}

/** The names of the backends. */
exports.BACKENDS = Object.keys(OPEN)

/** Opens a directory of the host on a backend: the directory itself, a copy in memory, or an overlay. */
const openOn = (backend, path) => OPEN[backend](path)

/**
 * Opens the preopens of a guest on a backend. `store` copies the results to the host, for specs that read them there.
 * It throws if the lower directory of an overlay has changed before.
 */
function mount(backend, preopens) {
  if (backend === 'host') return { preopens, store() {} }
  const mounted = Object.entries(preopens).map(([name, path]) => {
    return { name, path, directory: openOn(backend, path), before: stateOf(path) }
  })
  const store = () => {
    for (const { path, directory, before } of mounted) {
      if (stateOf(path) !== before) throw new Error(`the guest has changed ${path}`)
      if (backend === 'overlay') {
        directory.applyTo(Directory.open(path))
        continue
      }
      for (const name of fs.readdirSync(path)) fs.rmSync(join(path, name), { recursive: true })
      copyOut(directory, path)
    }
  }
  return { preopens: Object.fromEntries(mounted.map(({ name, directory }) => [name, directory])), store }
}

exports.openOn = openOn
exports.mount = mount
