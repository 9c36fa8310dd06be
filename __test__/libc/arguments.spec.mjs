import test from 'ava'
import { run } from '../guests/run.mjs'
import { OTHER_SEMANTICS, knownFailure } from '../support/conditions.mjs'

async function outputOf(t, args, settings) {
  const { code, error, stdout } = await run('arguments', args, settings)
  t.deepEqual({ code, error }, { code: 0, error: undefined })
  return stdout
}

test('argv contains empty, spaced and non-ASCII arguments unchanged', async (t) => {
  const args = ['', 'a b', ' ', '', 'tab\tand\nnewline', 'été', '日本語', '🦀', '--flag=value', '"quoted"', '$HOME', '']
  const expected = ['arguments', ...args].map((arg) => `<${arg}>\n`).join('')
  t.is(await outputOf(t, args), `${expected}argv[argc] == NULL: yes\ngetenv("UNSET"): no\n`)
})

test('environ contains only the variables of env, in order and unchanged', async (t) => {
  const env = {
    Z: 'first',
    EMPTY: '',
    A: 'a=b=c',
    GREETING: 'grüß dich 🌍',
    名: '前',
    'with space': ' x ',
    LINES: '1\n2',
  }
  const expected = Object.entries(env)
    .map(([name, value]) => `<${name}=${value}>\n`)
    .join('')
  t.is(
    await outputOf(t, [], { env }),
    `<arguments>\nargv[argc] == NULL: yes\n${expected}EMPTY is <>\ngetenv("UNSET"): no\n`,
  )
})

test('argv and environ are empty if args is empty and env is missing', async (t) => {
  t.is(await outputOf(t, [], { options: { args: [] } }), 'argv[argc] == NULL: yes\ngetenv("UNSET"): no\n')
})

knownFailure(OTHER_SEMANTICS)(
  'argv and environ contain thousands of strings and one of 64 KiB unchanged',
  async (t) => {
    const args = ['count', ...Array.from({ length: 3000 }, (_, i) => `é${i}`), 'z'.repeat(65536)]
    const env = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`V${i}`, 'x'.repeat(i % 10)]))
    const all = ['arguments', ...args, ...Object.entries(env).map((pair) => pair.join('='))]
    const bytes = Buffer.byteLength(all.join(''))
    const expected = `${args.length + 1} arguments, 2000 variables, ${bytes} bytes, last <${args.at(-1)}>\n`
    t.is(await outputOf(t, args, { env }), expected)
  },
)
