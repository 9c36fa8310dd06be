// The example of README.md.

import test from 'ava'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)

test('the JavaScript example of README.md runs unchanged', (t) => {
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(new URL('README.md', root), 'utf8'))
  const file = new URL('__test__/project/pasted.mjs', root)
  writeFileSync(file, example)
  t.teardown(() => rmSync(file))
  t.is(execFileSync(process.execPath, [fileURLToPath(file)], { encoding: 'utf8' }), 'hello from a guest\n')
})
