// The option `random`: random bytes from a seed.

import test from 'ava'
import { WASI } from 'capwasi'
import { rawGuest } from '../support/guest.mjs'

/** Returns the first bytes of random_get for a seed, in hex, from one call. */
const randomBytes = (seed, length) => {
  const guest = rawGuest({ random: { seed } }, { memory: '16' })
  guest.must('random_get', 1024, length)
  return Buffer.from(guest.bytes.slice(1024, 1024 + length)).toString('hex')
}

/** The ChaCha20 block function of RFC 8439, section 2.3, with a nonce of zeros. */
function chachaBlock(key, counter) {
  const initial = new Uint32Array(16)
  initial.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574])
  for (let i = 0; i < 8; i++) initial[4 + i] = Number((key >> BigInt(32 * i)) & 0xffff_ffffn)
  initial[12] = counter
  const state = initial.slice()
  const add = (a, b, d, by) => {
    state[a] += state[b]
    const mixed = state[d] ^ state[a]
    state[d] = (mixed << by) | (mixed >>> (32 - by))
  }
  const quarterRound = (a, b, c, d) => {
    add(a, b, d, 16)
    add(c, d, b, 12)
    add(a, b, d, 8)
    add(c, d, b, 7)
  }
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarterRound(i, 4 + i, 8 + i, 12 + i)
    for (let i = 0; i < 4; i++) quarterRound(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4))
  }
  return Buffer.from(state.map((word, i) => word + initial[i]).buffer).toString('hex')
}
const keyStream = (key, length) => {
  let stream = ''
  for (let counter = 0; stream.length < 2 * length; counter++) stream += chachaBlock(key, counter)
  return stream.slice(0, 2 * length)
}

test('random_get with a seed returns the ChaCha20 key stream of the RFC 8439 test vectors', (t) => {
  // A.1, test vectors 1 and 2: the first two blocks of the key 0.
  t.is(
    randomBytes(0, 128),
    [
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7',
      'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed',
      '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    ].join(''),
  )
  // A.1, test vector 4: the third block of the key whose second byte is 0xff.
  t.is(
    randomBytes(0xff00n, 192).slice(256),
    [
      '72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca',
      '13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096',
    ].join(''),
  )
})

test('random.seed is the ChaCha20 key in little-endian order', (t) => {
  for (const seed of [1n, 0x0123_4567_89ab_cdefn, 2n ** 64n, 2n ** 200n + 5n, 2n ** 256n - 1n]) {
    t.is(randomBytes(seed, 5_000), keyStream(seed, 5_000), `${seed}`)
  }
  for (const seed of [0, -0, 1, 65_536, Number.MAX_SAFE_INTEGER])
    t.is(randomBytes(seed, 64), keyStream(BigInt(seed), 64), `${seed}`)
})

test('each random_get continues the key stream at the next multiple of 4 bytes', (t) => {
  const guest = rawGuest({ random: { seed: 9 } })
  const parts = [5, 0, 4, 64, 1, 300].map((length) => {
    guest.must('random_get', 1024, length)
    return Buffer.from(guest.bytes.slice(1024, 1024 + length)).toString('hex')
  })
  const stream = keyStream(9n, 500)
  const at = (from, length) => stream.slice(2 * from, 2 * (from + length))
  t.deepEqual(parts, [at(0, 5), '', at(8, 4), at(12, 64), at(76, 1), at(80, 300)])
})

test('a random_get that is long enough to be restarted returns one continuous stream', (t) => {
  const length = (16 << 20) + 100
  const guest = rawGuest({ random: { seed: 3n } }, { memory: '300' })
  guest.must('random_get', 1024, length)
  const tail = Buffer.from(guest.bytes.slice(1024 + (16 << 20), 1024 + length)).toString('hex')
  const first = (16 << 20) / 64
  t.is(tail, (chachaBlock(3n, first) + chachaBlock(3n, first + 1)).slice(0, 200))
})

test('sandboxes with the same seed have separate generators', (t) => {
  const [one, other] = [rawGuest({ random: { seed: 1 } }), rawGuest({ random: { seed: 1 } })]
  const next = (guest) => {
    guest.must('random_get', 0, 8)
    return guest.u64(0)
  }
  const first = next(one)
  t.not(next(one), first)
  t.is(next(other), first)
})

test('without a seed, random_get returns different bytes in each sandbox', (t) => {
  for (const random of [undefined, {}, { seed: undefined }]) {
    const results = new Set(
      [1, 2, 3].map(() => {
        const guest = rawGuest({ random })
        guest.must('random_get', 0, 8)
        return guest.u64(0)
      }),
    )
    t.is(results.size, 3)
  }
})

test('random_get with a bad pointer fails with EOVERFLOW and consumes no bytes', (t) => {
  const guest = rawGuest({ random: { seed: 4 } })
  t.is(guest.call.random_get(2 * 65_536 - 3, 4), 61)
  guest.must('random_get', 1024, 32)
  t.is(Buffer.from(guest.bytes.slice(1024, 1056)).toString('hex'), keyStream(4n, 32))
})

const make = (random) => () => new WASI({ version: 'preview1', random })

test('a seed that is neither a number nor a bigint throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const [random, message] of [
    [5, 'The "options.random" property must be of type object. Received type number (5)'],
    [
      { seed: '5' },
      'The "options.random.seed" property must be one of type number or bigint. Received type string (\'5\')',
    ],
    [{ seed: null }, 'The "options.random.seed" property must be one of type number or bigint. Received null'],
  ])
    t.throws(make(random), { instanceOf: TypeError, code: 'ERR_INVALID_ARG_TYPE', message })
})

test('a seed that is negative, fractional or too large throws ERR_OUT_OF_RANGE', (t) => {
  for (const [seed, rest] of [
    [1.5, 'an integer. Received 1.5'],
    [NaN, 'an integer. Received NaN'],
    [Infinity, 'an integer. Received Infinity'],
    [-1, '>= 0 && <= 9007199254740991. Received -1'],
    [2 ** 53, '>= 0 && <= 9007199254740991. Received 9_007_199_254_740_992'],
    [1e21, '>= 0 && <= 9007199254740991. Received 1e+21'],
    [-1n, '>= 0n && < 2n ** 256n. Received -1n'],
    [10n ** 78n, `>= 0n && < 2n ** 256n. Received 1${'_000'.repeat(26)}n`],
  ]) {
    t.throws(make({ seed }), {
      instanceOf: RangeError,
      code: 'ERR_OUT_OF_RANGE',
      message: `The value of "options.random.seed" is out of range. It must be ${rest}`,
    })
  }
})

test('an unknown property of options.random throws ERR_INVALID_ARG_VALUE with a suggestion', (t) => {
  t.throws(make({ Seed: 1 }), {
    instanceOf: TypeError,
    code: 'ERR_INVALID_ARG_VALUE',
    message: "The property 'options.random['Seed']' is unknown, must be one of: 'seed'. Did you mean 'seed'?",
  })
})
