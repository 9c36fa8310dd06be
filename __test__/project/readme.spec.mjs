// The examples of README.md.

import test from 'ava'
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tree } from '../support/host.mjs'

const root = new URL('../../', import.meta.url)

test('the JavaScript example of README.md runs unchanged', (t) => {
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(new URL('README.md', root), 'utf8'))
  const file = new URL('__test__/project/pasted.mjs', root)
  writeFileSync(file, example)
  t.teardown(() => rmSync(file))
  t.is(execFileSync(process.execPath, [fileURLToPath(file)], { encoding: 'utf8' }), 'hello from a guest\n')
})

/** The lines that an example prints, by its comments. */
const commented = (example) =>
  [...example.matchAll(/^(?:.*console\.log\(.*\) )?\/\/ (?!…)(.*)$/gm)].map(([, text]) => text)

test('the examples of directories in README.md print what their comments say', (t) => {
  const readme = readFileSync(new URL('README.md', root), 'utf8')
  const [, section] = /\n### Directories in memory and overlays\n(.*?)\n### /s.exec(readme)
  const examples = [...section.matchAll(/```js\n(.*?)```/gs)].map(([, example]) => example)
  t.is(examples.length, 4)
  const cwd = tree(t, { 'node_modules/': null })
  symlinkSync(fileURLToPath(root), join(cwd, 'node_modules/capwasi'), 'junction')
  for (const example of examples) {
    writeFileSync(join(cwd, 'example.mjs'), example)
    const printed = execFileSync(process.execPath, ['example.mjs'], { cwd, encoding: 'utf8' })
    t.deepEqual(printed.trimEnd().split('\n'), commented(example))
  }
  const [project] = readdirSync(cwd).filter((name) => name.startsWith('project-'))
  t.deepEqual(readdirSync(join(cwd, project)), ['b.txt'])
})
