// The option `limits.memory` for objects of WebAssembly GC. wabt cannot assemble these programs.

import { onWasm } from '../support/conditions.mjs'
import { MIB, run } from '../support/process.mjs'

/** Creates 40,000 arrays of 8,000 bytes, and a structure for each, which refers to the array and the last structure. */
const HOARD = Buffer.from(
  'AGFzbQEAAAABDwNefgFfAmMAAWMBAWAAAAMCAQIFAwEAAQcTAgZtZW1vcnkCAAZfc3RhcnQAAAonASUCAWMBAX8DQEHoB/sH' +
    'ACAA+wABIQAgAUEBaiIBQcC4AkgNAAsL',
  'base64',
)

/** Does the same in a thread, which then exits with 7. */
const HOARD_IN_THREAD = Buffer.from(
  'AGFzbQEAAAABHQZefgFfAmMAAWMBAWAAAGACf38AYAF/AX9gAX8AAkkDA2VudgZtZW1vcnkCAwKgnAEEd2FzaQx0aHJlYWQtc3Bhd24ABBZ3' +
    'YXNpX3NuYXBzaG90X3ByZXZpZXcxCXByb2NfZXhpdAAFAwMCAwIHJwMGbWVtb3J5AgARd2FzaV90aHJlYWRfc3RhcnQAAgZfc3RhcnQAAwpD' +
    'AikCAWMBAX8DQEHoB/sHACAC+wABIQIgA0EBaiIDQcC4AkgNAAtBBxABCxcAQQAQABoDQEEAQQBCf/4BAgAaDAALCw==',
  'base64',
)

onWasm('structures')('limits.memory stops a guest that creates objects', async (t) => {
  const { exitCode, exceeded } = await run(HOARD, [], { limits: { memory: 16 * MIB }, reject: false })
  t.deepEqual([exitCode, exceeded], [undefined, 'memory'])
})

onWasm('structures')('limits.memory stops a guest whose thread creates objects', async (t) => {
  const { exitCode } = await run(HOARD_IN_THREAD, [], { limits: { memory: 16 * MIB }, reject: false })
  t.is(exitCode, undefined)
})
