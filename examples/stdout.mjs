// Runs a program, and gets its output as a string.

import { run } from 'capwasi/process'

const words = new URL('guests/words.wasm', import.meta.url)

const { stdout } = await run(words, [], { input: 'to be or not to be' })
process.stdout.write(stdout) // 6 words
