'use strict'

// `node -r capwasi/register app.js`, or `--import capwasi/register`: from here on `wasi` and `node:wasi` are
// capwasi, for require, import and process.getBuiltinModule. Workers inherit it with the process's flags.

const Module = require('node:module')
const { pathToFileURL } = require('node:url')
const { join } = require('node:path')
const capwasi = require('./index.js')

const isWasi = (name) => name === 'wasi' || name === 'node:wasi'
const url = pathToFileURL(join(__dirname, 'index.mjs')).href

const load = Module._load
Module._load = function (request, ...rest) {
  return isWasi(request) ? capwasi : load.call(this, request, ...rest)
}

const { getBuiltinModule } = process
if (getBuiltinModule) {
  process.getBuiltinModule = (name) => (isWasi(name) ? capwasi : getBuiltinModule(name))
}

if (Module.registerHooks) {
  Module.registerHooks({
    resolve: (specifier, context, next) =>
      isWasi(specifier) ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
  })
} else {
  // Before Node 22.15 hooks live in a thread of their own, and are given as a module.
  const hooks = `
    const isWasi = ${isWasi}
    export const resolve = (specifier, context, next) =>
      isWasi(specifier) ? { url: ${JSON.stringify(url)}, format: 'module', shortCircuit: true } : next(specifier, context)`
  Module.register(`data:text/javascript,${encodeURIComponent(hooks)}`)
}
