// The files for the benchmark.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DEEP, DIRECTORIES } from './rows.mjs'

/** Creates a folder with the files for the rows, and directories with these numbers of files. */
export function makeTree(directories = DIRECTORIES) {
  const root = mkdtempSync(join(tmpdir(), 'capwasi-bench-'))
  process.once('exit', () => rmSync(root, { recursive: true, force: true }))
  mkdirSync(join(root, dirname(DEEP)), { recursive: true })
  for (const name of ['file', DEEP, 'written']) writeFileSync(join(root, name), 'x'.repeat(8192))
  writeFileSync(join(root, 'large'), Buffer.alloc(1 << 20))
  symlinkSync('file', join(root, 'link'))
  for (const count of directories) makeFiles(join(root, String(count)), count)
  return root
}

/** Creates a folder with `count` files. */
export function makeFiles(folder, count, content = '') {
  mkdirSync(folder)
  for (let index = 0; index < count; index++) writeFileSync(join(folder, `entry-${index}`), content)
}
