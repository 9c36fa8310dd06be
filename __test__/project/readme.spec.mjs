import test from 'ava'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)

test('the example of the README works when pasted', (t) => {
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(new URL('README.md', root), 'utf8'))
  const file = new URL('__test__/project/pasted.mjs', root)
  writeFileSync(file, example)
  t.teardown(() => rmSync(file))
  t.is(execFileSync(process.execPath, [file.pathname], { encoding: 'utf8' }), 'hello from a guest\n')
})

test('every version named is that of the package', (t) => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  t.regex(readFileSync(new URL('Cargo.toml', root), 'utf8'), new RegExp(`^version = "${version}"$`, 'm'))
})
