// Streams a file through a guest and through gzip. Only the last step holds the whole result in memory.

import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { createGunzip, createGzip } from 'node:zlib'
import { spawn } from 'capwasi/process'

const upper = spawn(new URL('guests/upper.wasm', import.meta.url))
const file = createReadStream(new URL(import.meta.url))

const result = await pipeline(file, upper.duplex(), createGzip(), createGunzip(), text)
console.log(result.split('\n')[0]) // // STREAMS A FILE THROUGH A GUEST …
