// Gives a guest a directory that exists only in memory, and reads the file that the guest has written.

import { Directory } from 'capwasi'
import { run } from 'capwasi/process'

const words = new URL('guests/words.wasm', import.meta.url)

const directory = Directory.memory({ 'speech.txt': 'to be or not to be' }, { maxBytes: 2 ** 20 })
await run(words, ['speech.txt', 'report.txt'], { preopens: { '/': directory } })

console.log(directory.readdirSync()) // [ 'report.txt', 'speech.txt' ]
process.stdout.write(directory.readFileSync('report.txt')) // 6 words
directory.close()
