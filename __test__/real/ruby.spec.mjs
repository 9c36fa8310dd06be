// CRuby, with Ruby's own WASI package.

import test from 'ava'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RubyVM } from '@ruby/wasm-wasi'
import { WASI } from 'capwasi'
import { openOn } from '../support/backends.cjs'
import { COARSE_TIMES, NO_SYMLINKS, knownFailure, onBackends } from '../support/conditions.mjs'
import { root, tree } from '../support/guest.mjs'

const wasm = createRequire(import.meta.url).resolve('@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm')
const module = WebAssembly.compile(readFileSync(wasm))

/** Starts Ruby with a new directory of a backend as /home. */
async function ruby(t, backend) {
  const home = openOn(backend, tree(t))
  const wasi = new WASI({ version: 'preview1', preopens: { '/home': home } })
  const { vm } = await RubyVM.instantiateModule({ module: await module, wasip1: wasi })
  return { home, eval: (source) => vm.eval(source).toString() }
}

onBackends()('Ruby reads, writes, appends, renames and removes files', async (t, backend) => {
  const { home, eval: run } = await ruby(t, backend)
  home.writeFileSync('in.txt', 'one\ntwo\n')
  t.is(run('File.readlines("/home/in.txt", chomp: true).join(",")'), 'one,two')
  run('File.write("/home/new.txt", "a" * 100_000); File.open("/home/new.txt", "a") { _1 << "z" }')
  t.is(home.readFileSync('new.txt', 'utf8'), `${'a'.repeat(100_000)}z`)
  run('File.rename("/home/new.txt", "/home/newer.txt"); File.delete("/home/in.txt")')
  t.is(run('Dir.children("/home").sort.join(",")'), 'newer.txt')
})

onBackends()('Ruby creates, lists and removes directories', async (t, backend) => {
  const { home, eval: run } = await ruby(t, backend)
  run('Dir.mkdir("/home/sub"); 300.times { File.write("/home/sub/#{_1}", "") }')
  t.is(run('Dir.children("/home/sub").size'), '300')
  t.is(run('Dir.entries("/home/sub").sort.first(2).join(" ")'), '. ..')
  t.is(run('Dir.glob("/home/**/*").size'), '301')
  run('Dir.each_child("/home/sub") { File.delete("/home/sub/#{_1}") }; Dir.rmdir("/home/sub")')
  t.throws(() => home.statSync('sub'), { code: 'ENOENT' })
})

onBackends(knownFailure(COARSE_TIMES))('Ruby reads and sets file times to the nanosecond', async (t, backend) => {
  const { home, eval: run } = await ruby(t, backend)
  home.writeFileSync('f', '')
  run('File.utime(Time.at(1, 234_567_891, :nsec), Time.at(1_700_000_000, 123_456_789, :nsec), "/home/f")')
  t.is(home.statSync('f').mtime.toISOString(), '2023-11-14T22:13:20.123Z')
  t.is(run('File.atime("/home/f").nsec.to_s + " " + File.mtime("/home/f").nsec.to_s'), '234567891 123456789')
})

onBackends(knownFailure(NO_SYMLINKS))(
  'Ruby reads the type, size, link count and inode number of files',
  async (t, backend) => {
    const { home, eval: run } = await ruby(t, backend)
    home.writeFileSync('f', '12345')
    home.mkdirSync('d')
    home.symlinkSync('f', 'l')
    t.is(run('%w[f d l].map { File.stat("/home/#{_1}").ftype }.join(" ")'), 'file directory file')
    t.is(run('File.lstat("/home/l").ftype + " " + File.readlink("/home/l")'), 'link f')
    t.is(run('File.stat("/home/l").size.to_s + " " + File.stat("/home/f").nlink.to_s'), '5 1')
    t.is(run('File.stat("/home/f").ino == File.stat("/home/l").ino'), 'true')
    t.is(run('begin; File.stat("/home/none"); rescue Errno::ENOENT; "ENOENT"; end'), 'ENOENT')
  },
)

test('Ruby sleeps for at least the given time', async (t) => {
  const { eval: run } = await ruby(t, 'host')
  t.is(
    run(
      `t = Process.clock_gettime(Process::CLOCK_MONOTONIC); sleep 0.05
      Process.clock_gettime(Process::CLOCK_MONOTONIC) - t >= 0.05`,
    ),
    'true',
  )
})

onBackends()('Ruby cannot read files outside its directory', async (t, backend) => {
  const { home, eval: run } = await ruby(t, backend)
  home.mkdirSync('in')
  home.symlinkSync('/etc', 'etc')
  for (const path of ['/etc/passwd', '/home/../etc/passwd', '/home/in/../../x', '/home/etc/passwd']) {
    t.regex(
      run(`begin; File.read("${path}"); "read"; rescue SystemCallError => error; error.class.to_s; end`),
      /ENOTCAPABLE|ENOENT/,
      path,
    )
  }
})

/** Runs a program from stdin, with a read-only /library and a writable /work. Returns the output. */
async function runProgram(t, source, { backend = 'host', ...options } = {}) {
  const library = openOn(backend, tree(t, { 'greet.rb': 'def greet(name) = "hello, #{name}"\n' }))
  const preopens = { '/library': { directory: library, readonly: true }, '/work': openOn(backend, tree(t)) }
  const wasi = new WASI({ version: 'preview1', stdin: source, stdout: 'pipe', stderr: 'pipe', preopens, ...options })
  const { vm } = await RubyVM.instantiateModule({ module: await module, wasip1: wasi })
  vm.eval('$stdout.sync = true; eval($stdin.read)')
  const { stdout, stderr } = wasi
  wasi.close()
  return { stdout: `${stdout}`, stderr: `${stderr}` }
}

onBackends()('Ruby runs a program from stdin with a library, and its output is captured', async (t, backend) => {
  const source =
    '$:.unshift "/library"; require "greet"; puts greet("Ruby"); warn "and goodbye"; print [0, 255].pack("C*")'
  t.deepEqual(await runProgram(t, source, { backend }), { stdout: 'hello, Ruby\n\0\ufffd', stderr: 'and goodbye\n' })
})

onBackends()('Ruby can read a read-only library, and gets EROFS for changes', async (t, backend) => {
  const { stdout } = await runProgram(
    t,
    `require 'fileutils'
    { write: -> { File.write('/library/new', 'x') },
      append: -> { File.open('/library/greet.rb', 'a') },
      delete: -> { File.delete('/library/greet.rb') },
      mkdir: -> { Dir.mkdir('/library/new') },
      move: -> { File.rename('/library/greet.rb', '/work/greet.rb') },
      link: -> { File.link('/library/greet.rb', '/work/link') },
      symlink: -> { File.symlink('x', '/library/link') },
      touch: -> { File.utime(0, 0, '/library/greet.rb') },
      cut: -> { File.truncate('/library/greet.rb', 0) },
      below: -> { File.write('/library/no/such', '') },
      mkdir_p: -> { FileUtils.mkdir_p('/library') },
      copy: -> { FileUtils.cp('/library/greet.rb', '/work/copy.rb') },
    }.each { |name, act| puts(begin; act.(); name; rescue SystemCallError => error; "#{name} #{error.class}"; end) }`,
    { backend },
  )
  t.deepEqual(stdout.trimEnd().split('\n'), [
    ...['write', 'append', 'delete', 'mkdir', 'move', 'link', 'symlink', 'touch', 'cut'].map(
      (name) => `${name} Errno::EROFS`,
    ),
    'below Errno::ENOENT',
    'mkdir_p',
    'copy',
  ])
})

test('Ruby with fixed clocks and a seed prints the same in every run', async (t) => {
  const source = `require 'securerandom'; sleep 3600
    puts rand, SecureRandom.hex, 'a'.hash, Time.now.to_r, Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)`
  const options = { clock: { realtime: 1_700_000_000_000_000_000n, monotonic: 0n }, random: { seed: 42 } }
  const [first, second] = [await runProgram(t, source, options), await runProgram(t, source, options)]
  t.deepEqual(first, second)
  t.regex(first.stdout, /\n17000036\d\d\d*\/\d+\n3600\d+\n$/)
  t.notDeepEqual(await runProgram(t, source, { ...options, random: { seed: 43 } }), first)
})

knownFailure(COARSE_TIMES)('the example of `npm start` prints its table and is denied three paths', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', 'examples/ruby.mjs'], { cwd: root })
  t.regex(stdout, /^Ruby 3\.4\.\d+ on wasm32-wasi/m)
  t.regex(stdout, /^core\/guest\.rs +\d+ lines +\d+ bytes$/m)
  t.is(stdout.match(/^Refused: /gm)?.length, 3)
  t.true(stdout.includes(readFileSync(join(root, 'examples/out/lines.txt'), 'utf8')))
})
