// Errors of preopens and descriptors that cannot be opened.

import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { WASI } from 'capwasi'
import { NO_SYMLINKS, OTHER_SEMANTICS, knownFailure } from '../support/conditions.mjs'
import { ERRNO, tree } from '../support/guest.mjs'

const throwsUvwasiError = (t, options, errno) => {
  const error = t.throws(() => new WASI({ version: 'preview1', ...options }), {
    instanceOf: Error,
    name: 'Error',
    code: `UVWASI_E${errno}`,
  })
  t.is(error.errno, ERRNO[errno])
  t.is(error.syscall, 'uvwasi_init')
  t.true(error.message.startsWith(`UVWASI_E${errno}, uvwasi_init`), error.message)
  return error
}

for (const [kind, errno, path, failure = {}] of [
  ['that is missing', 'NOENT', 'missing'],
  ['in a missing directory', 'NOENT', 'missing/inner'],
  ['that is a file', 'NOTDIR', 'file'],
  ['under a file', 'NOTDIR', 'file/inner', OTHER_SEMANTICS],
  ['that is a symlink to a file', 'NOTDIR', 'to-file', NO_SYMLINKS],
  ['that is a dangling symlink', 'NOENT', 'dangling'],
  ['that is a symlink loop', 'LOOP', 'loop', NO_SYMLINKS],
  ['with a name that is too long', 'NAMETOOLONG', 'n'.repeat(300), OTHER_SEMANTICS],
]) {
  knownFailure(failure)(`a preopen ${kind} throws UVWASI_E${errno} with its path`, (t) => {
    const directory = tree(t, {
      file: '',
      'to-file': { symlink: 'file' },
      dangling: { symlink: 'nothing' },
      loop: { symlink: 'loop' },
    })
    const host = join(directory, path)
    const error = throwsUvwasiError(t, { preopens: { '/valid': directory, '/guest': host } }, errno)
    t.is(error.path, host)
    // The message has the path as a JavaScript literal, with each backslash doubled.
    for (const part of ['preopens', '/guest', JSON.stringify(host).slice(1, -1)])
      t.true(error.message.includes(part), error.message)
    t.deepEqual(Object.keys(error), ['errno', 'code', 'syscall', 'path'])
  })
}

test('a preopen with an empty path throws UVWASI_ENOENT', (t) => {
  t.is(throwsUvwasiError(t, { preopens: { '/guest': '' } }, 'NOENT').path, '')
})

for (const option of ['stdin', 'stdout', 'stderr']) {
  test(`${option} with a closed descriptor throws UVWASI_EBADF with the option's name`, (t) => {
    t.true(throwsUvwasiError(t, { [option]: 99_999 }, 'BADF').message.includes(option))
  })
}

test('new WASI() with several missing preopens reports the first', (t) => {
  const preopens = { '/b': '/no/such/b', '/a': '/no/such/a' }
  t.is(throwsUvwasiError(t, { preopens }, 'NOENT').path, '/no/such/b')
})

test('new WASI() that throws leaves no descriptor open', (t) => {
  const directory = tree(t)
  const lowest = () => {
    const fd = openSync(directory)
    closeSync(fd)
    return fd
  }
  const before = lowest()
  for (let i = 0; i < 100; i++) {
    t.throws(() => new WASI({ version: 'preview1', preopens: { '/a': directory, '/b': '/no/such/directory' } }))
  }
  // Other tests of this process may open a few descriptors at the same time.
  t.true(lowest() < before + 50)
})

for (const [where, options] of [
  ['args', { args: ['valid', 'a\0b'] }],
  ['a key of env', { env: { 'A\0B': 'x' } }],
  ['a value of env', { env: { A: 'x\0y' } }],
  ['a guest path of preopens', { preopens: { '/a\0b': '.' } }],
  ['a host path of preopens', { preopens: { '/a': './\0' } }],
]) {
  test(`a NUL in ${where} throws ERR_INVALID_ARG_VALUE`, (t) => {
    const error = t.throws(() => new WASI({ version: 'preview1', ...options }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_VALUE',
    })
    t.true(error.message.includes(`options.${Object.keys(options)[0]}`), error.message)
  })
}
