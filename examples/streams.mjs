// Streams a file through a guest and through gzip. Nothing holds the whole file in memory, except the last step.

import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { createGunzip, createGzip } from 'node:zlib'
import { spawn } from 'capwasi/process'

const upper = spawn(new URL('guests/upper.wasm', import.meta.url))
const file = createReadStream(new URL(import.meta.url))

const result = await pipeline(file, upper.duplex(), createGzip(), createGunzip(), text)
console.log(result.split('\n')[0]) // // STREAMS A FILE THROUGH A GUEST …
