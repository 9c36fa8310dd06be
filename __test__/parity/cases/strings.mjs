// args_get and environ_get: the bytes in the guest's memory.

const TEXTS = [
  '',
  'plain',
  ' ',
  '-',
  '=',
  'a=b',
  '"quoted"',
  "it's",
  'new\nline',
  'é',
  '漢字',
  '🦀',
  '\ud800',
  '\udc00x',
  '\u0001',
  'x'.repeat(5000),
]

export default function ({ newGuest }) {
  const rows = {}
  for (const count of [1, 2, TEXTS.length]) {
    const args = TEXTS.slice(0, count)
    const env = Object.fromEntries(args.map((text) => [text, text]))
    const guest = newGuest({ args, env })
    for (const which of ['args', 'environ']) {
      const [size, pointers, buffer] = [0, 64, 4096]
      guest.must(`${which}_sizes_get`, size, size + 4)
      guest.must(`${which}_get`, pointers, buffer)
      const length = guest.u32(size + 4)
      rows[`${count} of ${which}`] = {
        count: guest.u32(size),
        length,
        offsets: Array.from({ length: count }, (_, index) => guest.u32(pointers + 4 * index) - buffer),
        bytes: Buffer.from(guest.bytes.slice(buffer, buffer + length + 4)).toString('base64'),
      }
    }
  }
  const mixed = newGuest({
    args: [1, null, undefined, true, 1n, Symbol('s'), {}, [1, [2]], -0, NaN, new Date(0).toISOString()],
    env: { b: 1, 2: 2, 1: 1, n: null, u: undefined, o: {}, a: [1, 2], f: false, '': 'empty', 'a b': 'c d' },
  })
  rows.mixed = [mixed.strings('args'), mixed.strings('environ')]
  return rows
}
