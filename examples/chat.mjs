// A chat server: one process and one thread, and a guest for each of up to 1,000 connections. Needs a Node with JSPI
// (24.22 or later).
//
//   node examples/chat.mjs 4000      # then connect with several `nc 127.0.0.1 4000`
//
// Each guest reads from its connection and writes to all connections. While a guest waits, the thread is free.

import { createServer } from 'node:net'
import { WASI } from 'capwasi'

// A guest whose _start copies standard input to standard output.
const wasm = Buffer.from(
  'AGFzbQEAAAABDAJgBH9/f38Bf2AAAAJEAhZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxB2ZkX3JlYWQAABZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCG' +
    'ZkX3dyaXRlAAADAgEBBQMBAAIHEwIGbWVtb3J5AgAGX3N0YXJ0AAIKSgFIAANAQQBBgAg2AgBBBEGAgAQ2AgBBAEEAQQFBCBAABEAPC0EIKAIA' +
    'RQRADwtBBEEIKAIANgIAQQFBAEEBQQwQAQRADwsMAAsL',
  'base64',
)
const MAX_GUESTS = 1000
const IDLE_MS = 10 * 60_000

const module = await WebAssembly.compile(wasm)
const connections = new Set()

/** Runs a guest for a connection. All connections get what the guest writes. */
async function chat(socket) {
  const broadcast = async (chunk) => {
    for (const each of connections) each.write(chunk)
  }
  const wasi = new WASI({
    version: 'preview1',
    stdin: socket,
    stdout: broadcast,
    stderr: 'ignore',
    limits: { writtenBytes: 2 ** 20 },
  })
  const instance = await WebAssembly.instantiate(module, wasi.getImportObject({ suspending: true }))
  const closed = new AbortController()
  socket.on('close', () => closed.abort())
  try {
    await wasi.startAsync(instance, { signal: closed.signal, timeout: IDLE_MS })
  } finally {
    wasi.close()
  }
}

const server = createServer(async (socket) => {
  connections.add(socket)
  try {
    if (connections.size > MAX_GUESTS) return
    await chat(socket)
  } catch (error) {
    if (error.name !== 'AbortError') console.error(error)
  } finally {
    connections.delete(socket)
    socket.end()
  }
})
const port = Number(process.argv[2] ?? 4000)
server.listen({ host: '127.0.0.1', port, backlog: MAX_GUESTS }, () => console.log(server.address().port))
