'use strict'

// The backends of a Directory, for specs that run on each of them. CommonJS for guests/child.cjs.

const { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync } = require('node:fs')
const { symlinkSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

// The spec of `capwasi`: a spec of an unloadable package must be able to import this file.
const { Directory } = require('capwasi')

/** Copies a directory of the host into a `Directory`, with modes and links. */
function copyIn(directory, path, below = '') {
  for (const entry of readdirSync(join(path, below), { withFileTypes: true })) {
    const name = below === '' ? entry.name : `${below}/${entry.name}`
    const from = join(path, name)
    if (entry.isSymbolicLink()) {
      directory.symlinkSync(readlinkSync(from), name)
      continue
    }
    if (entry.isDirectory()) {
      directory.mkdirSync(name)
      copyIn(directory, path, name)
    } else directory.writeFileSync(name, readFileSync(from))
    directory.chmodSync(name, lstatSync(from).mode & 0o7777)
  }
  return directory
}

/** Replaces the contents of a directory of the host by those of a `Directory`. */
function copyOut(directory, path) {
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true })
  for (const entry of directory.readdirSync('.', { recursive: true, withFileTypes: true })) {
    const name = entry.parentPath === '.' ? entry.name : `${entry.parentPath}/${entry.name}`
    const to = join(path, name)
    if (entry.isSymbolicLink()) symlinkSync(directory.readlinkSync(name), to)
    else if (entry.isDirectory()) mkdirSync(to)
    else writeFileSync(to, directory.readFileSync(name))
  }
}

const OPEN = {
  host: (path) => Directory.open(path),
  memory: (path) => copyIn(Directory.memory(), path),
  overlay: (path) => Directory.overlay(path),
}

exports.BACKENDS = Object.keys(OPEN)

/** Opens a directory of the host on a backend: itself, a copy in memory, or an overlay over it. */
const openOn = (backend, path) => OPEN[backend](path)
exports.openOn = openOn
exports.copyOut = copyOut
