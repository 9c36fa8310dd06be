// CRuby, with Ruby's own WASI package.

import test from 'ava'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RubyVM } from '@ruby/wasm-wasi'
import { WASI } from 'capwasi'
import { COARSE_TIMES, NO_SYMLINKS, knownFailure } from '../support/conditions.mjs'
import { root, tree } from '../support/guest.mjs'

const wasm = createRequire(import.meta.url).resolve('@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm')
const module = WebAssembly.compile(readFileSync(wasm))

/** Starts Ruby with a new directory as /home. */
async function ruby(t) {
  const home = tree(t)
  const wasi = new WASI({ version: 'preview1', preopens: { '/home': home } })
  const { vm } = await RubyVM.instantiateModule({ module: await module, wasip1: wasi })
  return { home, eval: (source) => vm.eval(source).toString() }
}

test('Ruby reads, writes, appends, renames and removes files', async (t) => {
  const { home, eval: run } = await ruby(t)
  writeFileSync(join(home, 'in.txt'), 'one\ntwo\n')
  t.is(run('File.readlines("/home/in.txt", chomp: true).join(",")'), 'one,two')
  run('File.write("/home/new.txt", "a" * 100_000); File.open("/home/new.txt", "a") { _1 << "z" }')
  t.is(readFileSync(join(home, 'new.txt'), 'utf8'), `${'a'.repeat(100_000)}z`)
  run('File.rename("/home/new.txt", "/home/newer.txt"); File.delete("/home/in.txt")')
  t.is(run('Dir.children("/home").sort.join(",")'), 'newer.txt')
})

test('Ruby creates, lists and removes directories', async (t) => {
  const { home, eval: run } = await ruby(t)
  run('Dir.mkdir("/home/sub"); 300.times { File.write("/home/sub/#{_1}", "") }')
  t.is(run('Dir.children("/home/sub").size'), '300')
  t.is(run('Dir.entries("/home/sub").sort.first(2).join(" ")'), '. ..')
  t.is(run('Dir.glob("/home/**/*").size'), '301')
  run('Dir.each_child("/home/sub") { File.delete("/home/sub/#{_1}") }; Dir.rmdir("/home/sub")')
  t.throws(() => statSync(join(home, 'sub')), { code: 'ENOENT' })
})

knownFailure(COARSE_TIMES)('Ruby reads and sets file times to the nanosecond', async (t) => {
  const { home, eval: run } = await ruby(t)
  writeFileSync(join(home, 'f'), '')
  run('File.utime(Time.at(1, 234_567_891, :nsec), Time.at(1_700_000_000, 123_456_789, :nsec), "/home/f")')
  t.is(statSync(join(home, 'f'), { bigint: true }).mtimeNs, 1_700_000_000_123_456_789n)
  t.is(run('File.atime("/home/f").nsec.to_s + " " + File.mtime("/home/f").nsec.to_s'), '234567891 123456789')
})

knownFailure(NO_SYMLINKS)('Ruby reads the type, size, link count and inode number of files', async (t) => {
  const { home, eval: run } = await ruby(t)
  writeFileSync(join(home, 'f'), '12345')
  mkdirSync(join(home, 'd'))
  symlinkSync('f', join(home, 'l'))
  t.is(run('%w[f d l].map { File.stat("/home/#{_1}").ftype }.join(" ")'), 'file directory file')
  t.is(run('File.lstat("/home/l").ftype + " " + File.readlink("/home/l")'), 'link f')
  t.is(run('File.stat("/home/l").size.to_s + " " + File.stat("/home/f").nlink.to_s'), '5 1')
  t.is(run('File.stat("/home/f").ino == File.stat("/home/l").ino'), 'true')
  t.is(run('begin; File.stat("/home/none"); rescue Errno::ENOENT; "ENOENT"; end'), 'ENOENT')
})

test('Ruby sleeps for at least the given time', async (t) => {
  const { eval: run } = await ruby(t)
  t.is(
    run(
      `t = Process.clock_gettime(Process::CLOCK_MONOTONIC); sleep 0.05
      Process.clock_gettime(Process::CLOCK_MONOTONIC) - t >= 0.05`,
    ),
    'true',
  )
})

test('Ruby cannot read files outside its directory', async (t) => {
  const { home, eval: run } = await ruby(t)
  mkdirSync(join(home, 'in'))
  symlinkSync('/etc', join(home, 'etc'))
  for (const path of ['/etc/passwd', '/home/../etc/passwd', '/home/in/../../x', '/home/etc/passwd']) {
    t.regex(
      run(`begin; File.read("${path}"); "read"; rescue SystemCallError => error; error.class.to_s; end`),
      /ENOTCAPABLE|ENOENT/,
      path,
    )
  }
})

/** Runs a program from stdin, with a read-only /library and a writable /work. Returns the output. */
async function runProgram(t, source, options = {}) {
  const preopens = {
    '/library': { path: tree(t, { 'greet.rb': 'def greet(name) = "hello, #{name}"\n' }), readonly: true },
    '/work': tree(t),
  }
  const wasi = new WASI({ version: 'preview1', stdin: source, stdout: 'pipe', stderr: 'pipe', preopens, ...options })
  const { vm } = await RubyVM.instantiateModule({ module: await module, wasip1: wasi })
  vm.eval('$stdout.sync = true; eval($stdin.read)')
  const { stdout, stderr } = wasi
  wasi.close()
  return { stdout: `${stdout}`, stderr: `${stderr}` }
}

test('Ruby runs a program from stdin with a library, and its output is captured', async (t) => {
  const source =
    '$:.unshift "/library"; require "greet"; puts greet("Ruby"); warn "and goodbye"; print [0, 255].pack("C*")'
  t.deepEqual(await runProgram(t, source), { stdout: 'hello, Ruby\n\0\ufffd', stderr: 'and goodbye\n' })
})

test('Ruby can read a read-only library, and gets EROFS for changes', async (t) => {
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
