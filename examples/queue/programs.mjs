// Programs by content hash. Redis stores the bytes of a program once, under their SHA-256.

import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UnrecoverableError } from 'bullmq'

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const key = (hash) => `program:${hash}`

/** Stores a program and returns its hash. Rejects bytes that are not WebAssembly. */
export async function storeProgram(redis, bytes) {
  await WebAssembly.compile(bytes)
  const hash = sha256(bytes)
  await redis.set(key(hash), bytes, 'NX')
  return hash
}

/** The programs that a worker process has loaded. They are files, because `run` compiles a file only once. */
export class Programs {
  #redis
  #folder = mkdtemp(join(tmpdir(), 'programs-'))
  #paths = new Map()

  constructor(redis) {
    this.#redis = redis
  }

  /** Returns the path of a program. Loads each program once. */
  path(hash) {
    let path = this.#paths.get(hash)
    if (path === undefined) {
      path = this.#load(hash)
      this.#paths.set(hash, path)
      path.catch(() => this.#paths.delete(hash))
    }
    return path
  }

  async #load(hash) {
    const bytes = await this.#redis.getBuffer(key(hash))
    if (bytes === null) throw new UnrecoverableError(`There is no program ${hash}`)
    if (sha256(bytes) !== hash) throw new UnrecoverableError(`The bytes of program ${hash} have another hash`)
    const path = join(await this.#folder, `${hash}.wasm`)
    await writeFile(path, bytes)
    return path
  }

  async close() {
    await rm(await this.#folder, { recursive: true })
  }
}
