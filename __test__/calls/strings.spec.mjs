// args_* and environ_*.

import test from 'ava'
import { rawGuest } from '../support/guest.mjs'
import { BAD_POINTER, VERSIONS, errnoOf, expectErrnos, expectOverflow } from '../support/calls.mjs'

const OPTIONS = { args: ['a', '', 'é'], env: { K: 'v', E: '' } }
const LISTS = {
  args: { count: 3, bytes: 'a\0\0é\0', starts: [0, 2, 3] },
  environ: { count: 2, bytes: 'K=v\0E=\0', starts: [0, 4] },
}

for (const version of VERSIONS) {
  for (const [which, { count, bytes, starts }] of Object.entries(LISTS)) {
    const size = Buffer.byteLength(bytes)

    test(`${version}: ${which}_sizes_get returns the count and the size including NULs`, (t) => {
      const guest = rawGuest({ version, ...OPTIONS })
      t.is(errnoOf(guest, `${which}_sizes_get`, 16, 20), 'SUCCESS')
      t.deepEqual([guest.u32(16), guest.u32(20)], [count, size])
    })

    test(`${version}: ${which}_get writes exactly the pointers and the strings`, (t) => {
      const guest = rawGuest({ version, ...OPTIONS })
      guest.bytes.fill(0xaa)
      t.is(errnoOf(guest, `${which}_get`, 32, 103), 'SUCCESS')
      t.deepEqual(
        starts.map((_, index) => guest.u32(32 + 4 * index)),
        starts.map((start) => 103 + start),
      )
      t.is(guest.text(103, size), bytes)
      const written = new Set(
        [...Array(4 * count).keys()].map((at) => 32 + at).concat([...Array(size).keys()].map((at) => 103 + at)),
      )
      t.true([...guest.bytes.subarray(0, 512)].every((byte, at) => written.has(at) || byte === 0xaa))
    })
  }
}

for (const which of ['args', 'environ']) {
  test(`${which}_sizes_get and ${which}_get without strings return 0 and write nothing else`, (t) => {
    const guest = rawGuest()
    guest.bytes.fill(0xaa, 0, 64)
    expectErrnos(t, guest, [
      ['SUCCESS', `${which}_sizes_get`, 0, 4],
      ['SUCCESS', `${which}_get`, 8, 12],
      ['SUCCESS', `${which}_get`, 8, 8],
    ])
    t.deepEqual([guest.u32(0), guest.u32(4), guest.u32(8)], [0, 0, 0xaaaa_aaaa])
  })

  test(`${which}_sizes_get and ${which}_get with any bad pointer fail with EOVERFLOW`, (t) => {
    expectOverflow(t, rawGuest(OPTIONS), [
      [`${which}_sizes_get`, BAD_POINTER, 4],
      [`${which}_sizes_get`, 0, BAD_POINTER],
      [`${which}_get`, BAD_POINTER, 64],
      [`${which}_get`, 64, BAD_POINTER],
    ])
  })

  test(`${which}_get beyond the end of memory fails with EOVERFLOW and writes nothing`, (t) => {
    const guest = rawGuest(OPTIONS)
    const end = guest.memory.buffer.byteLength
    const { count, bytes } = LISTS[which]
    const size = Buffer.byteLength(bytes)
    expectErrnos(t, guest, [
      ['OVERFLOW', `${which}_get`, end - 4 * count + 1, 0],
      ['OVERFLOW', `${which}_get`, 0, end - size + 1],
    ])
    t.true(guest.bytes.every((byte) => byte === 0))
    expectErrnos(t, guest, [
      ['SUCCESS', `${which}_get`, 0, end - size],
      ['SUCCESS', `${which}_get`, end - 4 * count, 0],
    ])
  })
}

test('args_get and environ_get of strings larger than memory fail with EOVERFLOW, sizes still succeed', (t) => {
  const long = 'x'.repeat(65_536)
  const guest = rawGuest({ args: [long], env: { A: long } }, { memory: '1' })
  expectErrnos(t, guest, [
    ['SUCCESS', 'args_sizes_get', 0, 4],
    ['SUCCESS', 'environ_sizes_get', 8, 12],
    ['OVERFLOW', 'args_get', 16, 20],
    ['OVERFLOW', 'environ_get', 16, 20],
  ])
  t.deepEqual([0, 4, 8, 12, 16, 20].map(guest.u32), [1, 65_537, 1, 65_539, 0, 0])
})
