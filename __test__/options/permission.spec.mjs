// Node's permission model: `--allow-fs-read` and `--allow-fs-write` hold for the directories of guests too.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { node, root, tree } from '../support/guest.mjs'
import { onPosix } from '../support/conditions.mjs'

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)

/** A directory as the system names it: symlinks are a subject of these tests. */
const realTree = (t, files) => realpathSync(tree(t, files))

/**
 * Makes a sandbox in its own process. Returns `made`, or the code, permission and resource of the error. The process
 * may use the paths in `read` and `write` besides the package.
 */
async function make(preopens, { read = [], write = [], flags = ['--allow-wasi'], before = '', after = '', cwd } = {}) {
  const script = `
    ${before}
    const { WASI } = require(${JSON.stringify(root)})
    ${after}
    try {
      const preopens = ${typeof preopens === 'string' ? preopens : JSON.stringify(preopens)}
      new WASI({ version: 'preview1', preopens })
      console.log('made')
    }
    catch ({ code, permission, resource }) { console.log(JSON.stringify([code, permission, resource])) }`
  const granted = [
    ...[root, ...read].map((path) => `--allow-fs-read=${path}`),
    ...write.map((path) => `--allow-fs-write=${path}`),
  ]
  const { stdout, stderr } = await node(script, {
    flags: ['--no-warnings', permission, '--allow-addons', ...granted, ...flags],
    ...(cwd && { cwd }),
  })
  return stdout.startsWith('[') ? JSON.parse(stdout) : stdout.trim() || stderr
}

const deniedRead = (path) => ['ERR_ACCESS_DENIED', 'FileSystemRead', path]
const deniedWrite = (path) => ['ERR_ACCESS_DENIED', 'FileSystemWrite', path]

test('a preopen needs permission to read it, and to write it unless it is read-only', async (t) => {
  const home = realTree(t)
  const readonly = { path: home, readonly: true }
  t.deepEqual(await make({ '/': home }), deniedRead(home))
  t.deepEqual(await make({ '/': home }, { read: [home] }), deniedWrite(home))
  t.deepEqual(await make({ '/': home }, { write: [home] }), deniedRead(home))
  t.is(await make({ '/': home }, { read: [home], write: [home] }), 'made')
  t.is(await make({ '/': home }, { read: ['*'], write: ['*'] }), 'made')
  t.deepEqual(await make({ '/': readonly }), deniedRead(home))
  t.is(await make({ '/': readonly }, { read: [home] }), 'made')
  t.is(await make({}), 'made')
})

test('the error of a preopen without permission has the message of Node', async (t) => {
  const home = realTree(t)
  const script = `
    const { WASI } = require(${JSON.stringify(root)})
    try { new WASI({ version: 'preview1', preopens: { '/': ${JSON.stringify(home)} } }) }
    catch (error) { console.log(error.constructor.name, error.message) }`
  const { stdout } = await node(script, {
    flags: ['--no-warnings', permission, '--allow-addons', '--allow-wasi', `--allow-fs-read=${root}`],
  })
  t.is(stdout, 'Error Access to this API has been restricted. Use --allow-fs-read to manage permissions.\n')
})

test('without --allow-wasi no preopen is looked at', async (t) => {
  const home = realTree(t)
  t.deepEqual(await make({ '/': home }, { read: [home], write: [home], flags: [] }), ['ERR_ACCESS_DENIED', 'WASI', ''])
  t.deepEqual(await make({ '/': home }, { flags: [] }), ['ERR_ACCESS_DENIED', 'WASI', ''])
})

test('directories below a permitted one are permitted, its siblings and parents are not', async (t) => {
  const home = realTree(t, { 'a/b/': null, 'ab/': null })
  const granted = { read: [join(home, 'a')], write: [join(home, 'a')] }
  t.is(await make({ '/': join(home, 'a/b') }, granted), 'made')
  t.is(await make({ '/': `${home}/./a/../a/b/` }, granted), 'made')
  t.deepEqual(await make({ '/': join(home, 'ab') }, granted), deniedRead(join(home, 'ab')))
  t.deepEqual(await make({ '/': home }, granted), deniedRead(home))
  t.deepEqual(await make({ '/': `${home}/a/..` }, granted), deniedRead(home))
})

test('a relative path is that of the working directory', async (t) => {
  const home = realTree(t, { 'a/': null, 'b/': null })
  const granted = { read: [join(home, 'a')], write: [join(home, 'a')], cwd: home }
  t.is(await make({ '/': 'a' }, granted), 'made')
  t.deepEqual(await make({ '/': 'b' }, granted), deniedRead(join(home, 'b')))
  t.deepEqual(await make({ '/': '.' }, granted), deniedRead(home))
})

test('permission for a file does not give its directory', async (t) => {
  const home = realTree(t, { file: '', other: '' })
  const files = [join(home, 'file'), join(home, 'other')]
  t.deepEqual(await make({ '/': home }, { read: files, write: files }), deniedRead(home))
})

test('permission for a name that did not exist does not give the directory made there', async (t) => {
  const home = realTree(t)
  const late = join(home, 'late')
  const granted = { read: [late], write: [late], before: `require('node:fs').mkdirSync(${JSON.stringify(late)})` }
  t.deepEqual(await make({ '/': late }, granted), deniedRead(late))
})

test('all preopens are checked before one is opened', async (t) => {
  const home = realTree(t, { 'a/': null, 'b/': null })
  const granted = { read: [join(home, 'a')], write: [join(home, 'a')] }
  t.deepEqual(
    await make({ '/missing': join(home, 'a/missing'), '/b': join(home, 'b') }, granted),
    deniedRead(join(home, 'b')),
  )
  t.is((await make({ '/missing': join(home, 'a/missing') }, granted))[0], 'UVWASI_ENOENT')
})

onPosix('a symlink that leads out of what is permitted gives no preopen', async (t) => {
  const home = realTree(t, {
    'in/': null,
    'out/below/': null,
    'in/link': { symlink: '../out' },
    'in/own': { symlink: '.' },
  })
  const [inside, outside] = [join(home, 'in'), join(home, 'out')]
  const granted = { read: [inside], write: [inside] }
  t.deepEqual(await make({ '/': join(inside, 'link') }, granted), deniedRead(outside))
  t.deepEqual(await make({ '/': join(inside, 'link/below') }, granted), deniedRead(join(outside, 'below')))
  t.deepEqual(await make({ '/': join(inside, 'link') }, { read: [home], write: [inside] }), deniedWrite(outside))
  t.is(await make({ '/': join(inside, 'own') }, granted), 'made')
  t.is(await make({ '/': join(inside, 'link') }, { read: [inside, outside], write: [inside, outside] }), 'made')
})

onPosix('a permitted path that is a symlink itself, or leads through one, gives a preopen', async (t) => {
  const home = realTree(t, { 'real/below/': null, alias: { symlink: 'real' } })
  const granted = { read: [join(home, 'alias')], write: [join(home, 'alias')] }
  t.is(await make({ '/': join(home, 'alias') }, granted), 'made')
  t.is(await make({ '/': join(home, 'alias/below') }, granted), 'made')
  t.deepEqual(await make({ '/': join(home, 'real') }, granted), deniedRead(join(home, 'real')))
})

onPosix('a preopen by descriptor is checked by the path of what it is', async (t) => {
  const home = realTree(t, { 'a/': null })
  const opened = (path) => `{ '/': { fd: require('node:fs').openSync(${JSON.stringify(path)}), readonly: true } }`
  t.is(await make(opened(join(home, 'a')), { read: [join(home, 'a')] }), 'made')
  t.deepEqual(
    await make(opened(join(home, 'a')).replace(', readonly: true', ''), { read: [join(home, 'a')] }),
    deniedWrite(join(home, 'a')),
  )
  // Opened by whoever started the process.
  const script = `
    const { WASI } = require(${JSON.stringify(root)})
    try { new WASI({ version: 'preview1', preopens: { '/': { fd: 3, readonly: true } } }); console.log('made') }
    catch ({ code, permission, resource }) { console.log(code, permission, resource) }`
  const fd = openSync(join(home, 'a'))
  t.teardown(() => closeSync(fd))
  const flags = ['--no-warnings', permission, '--allow-addons', '--allow-wasi', `--allow-fs-read=${root}`]
  const { stdout } = spawnSync(process.execPath, [...flags, '-e', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', fd],
  })
  t.is(stdout, `ERR_ACCESS_DENIED FileSystemRead ${join(home, 'a')}\n`)
  // A descriptor without a path needs permission for every path.
  t.deepEqual(await make({ '/': { fd: 999 } }), deniedRead(''))
  t.is((await make({ '/': { fd: 999 } }, { read: ['*'], write: ['*'] }))[0], 'UVWASI_EBADF')
})

test('replacing process.permission or its `has` afterwards changes nothing', async (t) => {
  const home = realTree(t)
  for (const after of [
    'Object.defineProperty(process, "permission", { value: { has: () => true }, configurable: true })',
    'delete process.permission; process.permission = undefined',
    'try { process.permission.has = () => true } catch {}',
    'globalThis.process = { ...process, permission: undefined }',
  ]) {
    t.deepEqual(await make({ '/': home }, { after: `try { ${after} } catch {}` }), deniedRead(home), after)
    t.deepEqual(
      await make({}, { after: `try { ${after} } catch {}`, flags: [] }),
      ['ERR_ACCESS_DENIED', 'WASI', ''],
      after,
    )
  }
})

const flagged = (flag) => (process.allowedNodeEnvironmentFlags.has(flag) ? test : test.skip)

flagged('--allow-net')('a socket by address needs --allow-net where Node has it', async (t) => {
  const script = (flags) =>
    node(
      `
    const { WASI } = require(${JSON.stringify(root)})
    try { new WASI({ version: 'preview1', sockets: ['127.0.0.1:0'] }); console.log('made') }
    catch ({ code, permission, resource }) { console.log(JSON.stringify([code, permission, resource])) }`,
      { flags: ['--no-warnings', permission, '--allow-addons', '--allow-wasi', `--allow-fs-read=${root}`, ...flags] },
    )
  t.is((await script([])).stdout, '["ERR_ACCESS_DENIED","Net",""]\n')
  t.is((await script(['--allow-net'])).stdout, 'made\n')
})

flagged('--permission-audit')('a process whose permissions are only audited makes sandboxes', async (t) => {
  const { stdout } = await node(
    `
    const { WASI } = require(${JSON.stringify(root)})
    new WASI({ version: 'preview1', preopens: { '/': '/' } })
    console.log('made')`,
    { flags: ['--no-warnings', '--permission-audit', '--allow-addons'] },
  )
  t.is(stdout, 'made\n')
})
