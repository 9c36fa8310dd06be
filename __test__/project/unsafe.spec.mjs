// The table of unsafe blocks in SECURITY.md.

import test from 'ava'
import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)
const read = (name) => readFileSync(new URL(name, root), 'utf8')

test('SECURITY.md lists every file with unsafe blocks, with their number', (t) => {
  const listed = [...read('SECURITY.md').matchAll(/^\| (src\/\S+) \| (\d+) \|/gm)].map(([, file, count]) => [
    file,
    Number(count),
  ])
  const blocks = (file) => read(file).match(/\bunsafe \{/g)?.length ?? 0
  const files = readdirSync(new URL('src', root), { recursive: true }).map(
    (name) => `src/${name.replaceAll('\\', '/')}`,
  )
  const counted = files
    .filter((name) => name.endsWith('.rs'))
    .map((file) => [file, blocks(file)])
    .filter(([, count]) => count > 0)
  t.deepEqual(Object.fromEntries(listed), Object.fromEntries(counted))
})
