// Runs a program on any machine that has a worker, as if it were here.
//
//   REDIS_URL=redis://127.0.0.1 node examples/queue/submit.mjs PROGRAM [ARGUMENT …] <input

import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { Producer } from './producer.mjs'

const [file, ...args] = process.argv.slice(2)
const producer = new Producer()
try {
  const program = await producer.storeProgram(await readFile(file))
  const job = await producer.submit(randomUUID(), { program, args, input: await buffer(process.stdin) })
  const { stdout, stderr, ...end } = await producer.result(job)
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  if (end.exitCode === undefined) console.error(end)
  process.exitCode = end.exitCode ?? 1
} finally {
  await producer.close()
}
