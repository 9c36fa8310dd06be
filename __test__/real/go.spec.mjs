// An HTTP server written in Go, with net/http on a socket of `options.sockets`. Go polls the socket only if it has
// NONBLOCK.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { builtGo } from '../../scripts/go.mjs'
import { TIMEOUT_MS, root } from '../support/host.mjs'
import { serve } from '../support/serve.mjs'

let server
let skipReason
try {
  server = new WebAssembly.Module(readFileSync(builtGo(join(root, '__test__/real/programs/server.go'))))
} catch ({ message }) {
  skipReason = message
}
const go = skipReason === undefined ? test : (title) => test.skip(`${title} (${skipReason})`, () => {})

/** Starts the server. `fetchText(path, { agent, body })` returns the text of the response. */
async function start(t) {
  t.timeout(TIMEOUT_MS)
  const {
    addresses: [address],
    code,
    output,
  } = await serve(t, server, { args: ['server'] })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const fetchFull = async (path, { body, ...options } = {}) => {
    const sent = request(`http://${address}${path}`, {
      agent,
      method: body === undefined ? 'GET' : 'POST',
      ...options,
    }).end(body)
    const [response] = await once(sent, 'response')
    return { status: response.statusCode, text: await text(response), reused: sent.reusedSocket }
  }
  const fetchText = async (path, options) => (await fetchFull(path, options)).text
  return { fetchText, fetchFull, agent, code, output }
}

go('a Go server serves a request, reads a body, and returns 404 for an unknown path', async (t) => {
  const { fetchText, fetchFull } = await start(t)
  t.is(await fetchText('/hello/node'), 'hello, node')
  t.is(await fetchText('/upper', { body: 'a'.repeat(1_000_000) }), 'A'.repeat(1_000_000))
  t.is((await fetchFull('/nothing')).status, 404)
})

go('a Go server serves other requests while one is slow', async (t) => {
  const { fetchText } = await start(t)
  let isDone = false
  const slow = fetchText('/slow').then((text) => {
    isDone = true
    return text
  })
  const names = Array.from({ length: 8 }, (_, index) => `client-${index}`)
  t.deepEqual(
    await Promise.all(names.map((name) => fetchText(`/hello/${name}`))),
    names.map((name) => `hello, ${name}`),
  )
  t.false(isDone)
  t.is(await fetchText('/release'), 'releasing')
  t.is(await slow, 'released')
})

go('a Go server reuses a keep-alive connection', async (t) => {
  const { fetchFull } = await start(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const sent = []
  for (const name of ['a', 'b', 'c']) sent.push(await fetchFull(`/hello/${name}`, { agent }))
  t.deepEqual(
    sent.map(({ text }) => text),
    ['hello, a', 'hello, b', 'hello, c'],
  )
  t.deepEqual(
    sent.map(({ reused }) => reused),
    [false, true, true],
  )
})

go('a goroutine runs while a Go server waits for connections', async (t) => {
  const { fetchText, output } = await start(t)
  while (output.text() === '') await setTimeout(10)
  t.is(output.text(), '100 ticks\n')
  t.is(await fetchText('/hello/node'), 'hello, node')
})

go('a Go server that shuts down exits with 0', async (t) => {
  const { fetchText, agent, code, output } = await start(t)
  t.is(await fetchText('/stop'), 'stopping')
  agent.destroy()
  t.is(await code, 0)
  t.regex(output.text(), /stopped\n/)
})
