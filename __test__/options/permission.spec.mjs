// Node's permission model: `--allow-fs-read` and `--allow-fs-write` also apply to preopens.

import { spawnSync } from 'node:child_process'
import { closeSync, openSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { node, root, tree } from '../support/guest.mjs'
import { onPosix } from '../support/conditions.mjs'

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)

/** Creates a directory and returns its real path, so that only a test's own symlinks are in it. */
const realTree = (t, files) => realpathSync(tree(t, files))

/**
 * Constructs a sandbox in a new process. Returns `made`, or the code, permission and resource of the error. The process
 * has permission for the paths in `read` and `write`, and to read the package.
 */
async function construct(
  preopens,
  { read = [], write = [], flags = ['--allow-wasi'], before = '', after = '', cwd } = {},
) {
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

test('a preopen needs read permission, and a writable preopen also write permission', async (t) => {
  const home = realTree(t)
  const readonly = { path: home, readonly: true }
  t.deepEqual(await construct({ '/': home }), deniedRead(home))
  t.deepEqual(await construct({ '/': home }, { read: [home] }), deniedWrite(home))
  t.deepEqual(await construct({ '/': home }, { write: [home] }), deniedRead(home))
  t.is(await construct({ '/': home }, { read: [home], write: [home] }), 'made')
  t.is(await construct({ '/': home }, { read: ['*'], write: ['*'] }), 'made')
  t.deepEqual(await construct({ '/': readonly }), deniedRead(home))
  t.is(await construct({ '/': readonly }, { read: [home] }), 'made')
  t.is(await construct({}), 'made')
})

test("a preopen without permission throws an error with Node's message", async (t) => {
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

test('without --allow-wasi, the constructor throws without checking the preopens', async (t) => {
  const home = realTree(t)
  t.deepEqual(await construct({ '/': home }, { read: [home], write: [home], flags: [] }), [
    'ERR_ACCESS_DENIED',
    'WASI',
    '',
  ])
  t.deepEqual(await construct({ '/': home }, { flags: [] }), ['ERR_ACCESS_DENIED', 'WASI', ''])
})

test('permission for a directory includes directories below it, not siblings or parents', async (t) => {
  const home = realTree(t, { 'a/b/': null, 'ab/': null })
  const granted = { read: [join(home, 'a')], write: [join(home, 'a')] }
  t.is(await construct({ '/': join(home, 'a/b') }, granted), 'made')
  t.is(await construct({ '/': `${home}/./a/../a/b/` }, granted), 'made')
  t.deepEqual(await construct({ '/': join(home, 'ab') }, granted), deniedRead(join(home, 'ab')))
  t.deepEqual(await construct({ '/': home }, granted), deniedRead(home))
  t.deepEqual(await construct({ '/': `${home}/a/..` }, granted), deniedRead(home))
})

test('the permission of a relative preopen is that of its path in the working directory', async (t) => {
  const home = realTree(t, { 'a/': null, 'b/': null })
  const granted = { read: [join(home, 'a')], write: [join(home, 'a')], cwd: home }
  t.is(await construct({ '/': 'a' }, granted), 'made')
  t.deepEqual(await construct({ '/': 'b' }, granted), deniedRead(join(home, 'b')))
  t.deepEqual(await construct({ '/': '.' }, granted), deniedRead(home))
})

test('permission for files does not include their directory', async (t) => {
  const home = realTree(t, { file: '', other: '' })
  const files = [join(home, 'file'), join(home, 'other')]
  t.deepEqual(await construct({ '/': home }, { read: files, write: files }), deniedRead(home))
})

test('permission for a missing path does not include a directory created there later', async (t) => {
  const home = realTree(t)
  const late = join(home, 'late')
  const granted = { read: [late], write: [late], before: `require('node:fs').mkdirSync(${JSON.stringify(late)})` }
  t.deepEqual(await construct({ '/': late }, granted), deniedRead(late))
})

test('the permissions of all preopens are checked before any is opened', async (t) => {
  const home = realTree(t, { 'a/': null, 'b/': null })
  const granted = { read: [join(home, 'a')], write: [join(home, 'a')] }
  t.deepEqual(
    await construct({ '/missing': join(home, 'a/missing'), '/b': join(home, 'b') }, granted),
    deniedRead(join(home, 'b')),
  )
  t.is((await construct({ '/missing': join(home, 'a/missing') }, granted))[0], 'UVWASI_ENOENT')
})

onPosix('a preopen through a symlink out of the permitted paths throws ERR_ACCESS_DENIED', async (t) => {
  const home = realTree(t, {
    'in/': null,
    'out/below/': null,
    'in/link': { symlink: '../out' },
    'in/own': { symlink: '.' },
  })
  const [inside, outside] = [join(home, 'in'), join(home, 'out')]
  const granted = { read: [inside], write: [inside] }
  t.deepEqual(await construct({ '/': join(inside, 'link') }, granted), deniedRead(outside))
  t.deepEqual(await construct({ '/': join(inside, 'link/below') }, granted), deniedRead(join(outside, 'below')))
  t.deepEqual(await construct({ '/': join(inside, 'link') }, { read: [home], write: [inside] }), deniedWrite(outside))
  t.is(await construct({ '/': join(inside, 'own') }, granted), 'made')
  t.is(await construct({ '/': join(inside, 'link') }, { read: [inside, outside], write: [inside, outside] }), 'made')
})

onPosix('permission for a symlink includes its target when opened through the symlink', async (t) => {
  const home = realTree(t, { 'real/below/': null, alias: { symlink: 'real' } })
  const granted = { read: [join(home, 'alias')], write: [join(home, 'alias')] }
  t.is(await construct({ '/': join(home, 'alias') }, granted), 'made')
  t.is(await construct({ '/': join(home, 'alias/below') }, granted), 'made')
  t.deepEqual(await construct({ '/': join(home, 'real') }, granted), deniedRead(join(home, 'real')))
})

onPosix('a preopen { fd } needs permission for the path of its directory', async (t) => {
  const home = realTree(t, { 'a/': null })
  const opened = (path) => `{ '/': { fd: require('node:fs').openSync(${JSON.stringify(path)}), readonly: true } }`
  t.is(await construct(opened(join(home, 'a')), { read: [join(home, 'a')] }), 'made')
  t.deepEqual(
    await construct(opened(join(home, 'a')).replace(', readonly: true', ''), { read: [join(home, 'a')] }),
    deniedWrite(join(home, 'a')),
  )
  // A descriptor that the parent process opened.
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
  t.deepEqual(await construct({ '/': { fd: 999 } }), deniedRead(''))
  t.is((await construct({ '/': { fd: 999 } }, { read: ['*'], write: ['*'] }))[0], 'UVWASI_EBADF')
})

test('replacing process.permission after loading does not bypass the checks', async (t) => {
  const home = realTree(t)
  for (const after of [
    'Object.defineProperty(process, "permission", { value: { has: () => true }, configurable: true })',
    'delete process.permission; process.permission = undefined',
    'try { process.permission.has = () => true } catch {}',
    'globalThis.process = { ...process, permission: undefined }',
  ]) {
    t.deepEqual(await construct({ '/': home }, { after: `try { ${after} } catch {}` }), deniedRead(home), after)
    t.deepEqual(
      await construct({}, { after: `try { ${after} } catch {}`, flags: [] }),
      ['ERR_ACCESS_DENIED', 'WASI', ''],
      after,
    )
  }
})

const withFlag = (flag) => (process.allowedNodeEnvironmentFlags.has(flag) ? test : test.skip)

withFlag('--allow-net')('a socket with an address needs --allow-net', async (t) => {
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

withFlag('--permission-audit')('--permission-audit allows all sandboxes', async (t) => {
  const { stdout } = await node(
    `
    const { WASI } = require(${JSON.stringify(root)})
    new WASI({ version: 'preview1', preopens: { '/': '/' } })
    console.log('made')`,
    { flags: ['--no-warnings', '--permission-audit', '--allow-addons'] },
  )
  t.is(stdout, 'made\n')
})
