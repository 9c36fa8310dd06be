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

/** A Ruby with a directory of its own as /box. */
async function ruby(t) {
  const box = tree(t)
  const wasi = new WASI({ version: 'preview1', preopens: { '/box': box } })
  const { vm } = await RubyVM.instantiateModule({ module: await module, wasip1: wasi })
  return { box, eval: (source) => vm.eval(source).toString() }
}

test('Ruby reads, writes, appends, renames and removes files', async (t) => {
  const { box, eval: run } = await ruby(t)
  writeFileSync(join(box, 'in.txt'), 'one\ntwo\n')
  t.is(run('File.readlines("/box/in.txt", chomp: true).join(",")'), 'one,two')
  run('File.write("/box/new.txt", "a" * 100_000); File.open("/box/new.txt", "a") { _1 << "z" }')
  t.is(readFileSync(join(box, 'new.txt'), 'utf8'), `${'a'.repeat(100_000)}z`)
  run('File.rename("/box/new.txt", "/box/newer.txt"); File.delete("/box/in.txt")')
  t.is(run('Dir.children("/box").sort.join(",")'), 'newer.txt')
})

test('Ruby makes, lists and removes directories', async (t) => {
  const { box, eval: run } = await ruby(t)
  run('Dir.mkdir("/box/sub"); 300.times { File.write("/box/sub/#{_1}", "") }')
  t.is(run('Dir.children("/box/sub").size'), '300')
  t.is(run('Dir.entries("/box/sub").sort.first(2).join(" ")'), '. ..')
  t.is(run('Dir.glob("/box/**/*").size'), '301')
  run('Dir.each_child("/box/sub") { File.delete("/box/sub/#{_1}") }; Dir.rmdir("/box/sub")')
  t.throws(() => statSync(join(box, 'sub')), { code: 'ENOENT' })
})

knownFailure(COARSE_TIMES)('Ruby sees and sets times to the nanosecond', async (t) => {
  const { box, eval: run } = await ruby(t)
  writeFileSync(join(box, 'f'), '')
  run('File.utime(Time.at(1, 234_567_891, :nsec), Time.at(1_700_000_000, 123_456_789, :nsec), "/box/f")')
  t.is(statSync(join(box, 'f'), { bigint: true }).mtimeNs, 1_700_000_000_123_456_789n)
  t.is(run('File.atime("/box/f").nsec.to_s + " " + File.mtime("/box/f").nsec.to_s'), '234567891 123456789')
})

knownFailure(NO_SYMLINKS)('Ruby knows what a path is: its kind, size, links and mode', async (t) => {
  const { box, eval: run } = await ruby(t)
  writeFileSync(join(box, 'f'), '12345')
  mkdirSync(join(box, 'd'))
  symlinkSync('f', join(box, 'l'))
  t.is(run('%w[f d l].map { File.stat("/box/#{_1}").ftype }.join(" ")'), 'file directory file')
  t.is(run('File.lstat("/box/l").ftype + " " + File.readlink("/box/l")'), 'link f')
  t.is(run('File.stat("/box/l").size.to_s + " " + File.stat("/box/f").nlink.to_s'), '5 1')
  t.is(run('File.stat("/box/f").ino == File.stat("/box/l").ino'), 'true')
  t.is(run('begin; File.stat("/box/none"); rescue Errno::ENOENT; "ENOENT"; end'), 'ENOENT')
})

test('Ruby sleeps for as long as it was told to', async (t) => {
  const { eval: run } = await ruby(t)
  t.is(
    run(
      `t = Process.clock_gettime(Process::CLOCK_MONOTONIC); sleep 0.05
      Process.clock_gettime(Process::CLOCK_MONOTONIC) - t >= 0.05`,
    ),
    'true',
  )
})

test('Ruby cannot leave its directory', async (t) => {
  const { box, eval: run } = await ruby(t)
  mkdirSync(join(box, 'in'))
  symlinkSync('/etc', join(box, 'etc'))
  for (const path of ['/etc/passwd', '/box/../etc/passwd', '/box/in/../../x', '/box/etc/passwd']) {
    t.regex(
      run(`begin; File.read("${path}"); "read"; rescue SystemCallError => error; error.class.to_s; end`),
      /ENOTCAPABLE|ENOENT/,
      path,
    )
  }
})

/** Runs a program from stdin, with a library that it may read and a directory that it may change: what comes of it. */
async function program(t, source, options = {}) {
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

test('Ruby runs a program from stdin with a library, and what it prints is collected', async (t) => {
  const source =
    '$:.unshift "/library"; require "greet"; puts greet("Ruby"); warn "and goodbye"; print [0, 255].pack("C*")'
  t.deepEqual(await program(t, source), { stdout: 'hello, Ruby\n\0\ufffd', stderr: 'and goodbye\n' })
})

test('Ruby cannot change a read-only library, and goes on where nothing needs to be changed', async (t) => {
  const { stdout } = await program(
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

test('Ruby does the same twice by fixed clocks and a seed, however long it sleeps', async (t) => {
  const source = `require 'securerandom'; sleep 3600
    puts rand, SecureRandom.hex, 'a'.hash, Time.now.to_r, Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)`
  const options = { clock: { realtime: 1_700_000_000_000_000_000n, monotonic: 0n }, random: { seed: 42 } }
  const [first, second] = [await program(t, source, options), await program(t, source, options)]
  t.deepEqual(first, second)
  t.regex(first.stdout, /\n17000036\d\d\d*\/\d+\n3600\d+\n$/)
  t.notDeepEqual(await program(t, source, { ...options, random: { seed: 43 } }), first)
})

knownFailure(COARSE_TIMES)("npm start's example prints its table and is refused three times", async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', 'examples/ruby.mjs'], { cwd: root })
  t.regex(stdout, /^Ruby 3\.4\.\d+ on wasm32-wasi/m)
  t.regex(stdout, /^wasi\/io\.rs +\d+ lines +\d+ bytes$/m)
  t.is(stdout.match(/^Refused: /gm)?.length, 3)
  t.true(stdout.includes(readFileSync(join(root, 'examples/out/lines.txt'), 'utf8')))
})
