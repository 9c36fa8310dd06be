// `random`: bytes that a seed determines.

import test from 'ava'
import { WASI } from 'capwasi'
import { rawGuest } from '../support/guest.mjs'

/** The first bytes that random_get gives, in one call. */
const bytes = (seed, length) => {
  const guest = rawGuest({ random: { seed } }, { memory: '16' })
  guest.must('random_get', 1024, length)
  return Buffer.from(guest.bytes.slice(1024, 1024 + length)).toString('hex')
}

/** The ChaCha20 block function of RFC 8439, section 2.3, with a nonce of zeros. */
function block(key, counter) {
  const initial = new Uint32Array(16)
  initial.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574])
  for (let i = 0; i < 8; i++) initial[4 + i] = Number((key >> BigInt(32 * i)) & 0xffff_ffffn)
  initial[12] = counter
  const state = initial.slice()
  const add = (a, b, d, by) => {
    state[a] += state[b]
    const turned = state[d] ^ state[a]
    state[d] = (turned << by) | (turned >>> (32 - by))
  }
  const quarter = (a, b, c, d) => {
    add(a, b, d, 16)
    add(c, d, b, 12)
    add(a, b, d, 8)
    add(c, d, b, 7)
  }
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarter(i, 4 + i, 8 + i, 12 + i)
    for (let i = 0; i < 4; i++) quarter(i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4))
  }
  return Buffer.from(state.map((word, i) => word + initial[i]).buffer).toString('hex')
}
const keyStream = (key, length) => {
  let stream = ''
  for (let counter = 0; stream.length < 2 * length; counter++) stream += block(key, counter)
  return stream.slice(0, 2 * length)
}

test('the first bytes are the key stream of ChaCha20 in the test vectors of RFC 8439', (t) => {
  // A.1, test vectors 1 and 2: the first two blocks of the key 0.
  t.is(
    bytes(0, 128),
    [
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7',
      'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed',
      '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    ].join(''),
  )
  // A.1, test vector 4: the third block of the key whose second byte is 0xff.
  t.is(
    bytes(0xff00n, 192).slice(256),
    [
      '72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca',
      '13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096',
    ].join(''),
  )
})

test('the seed is the key, lowest byte first', (t) => {
  for (const seed of [1n, 0x0123_4567_89ab_cdefn, 2n ** 64n, 2n ** 200n + 5n, 2n ** 256n - 1n]) {
    t.is(bytes(seed, 5_000), keyStream(seed, 5_000), `${seed}`)
  }
  for (const seed of [0, -0, 1, 65_536, Number.MAX_SAFE_INTEGER])
    t.is(bytes(seed, 64), keyStream(BigInt(seed), 64), `${seed}`)
})

test('each call goes on where the last ended, at the next multiple of four bytes', (t) => {
  const guest = rawGuest({ random: { seed: 9 } })
  const parts = [5, 0, 4, 64, 1, 300].map((length) => {
    guest.must('random_get', 1024, length)
    return Buffer.from(guest.bytes.slice(1024, 1024 + length)).toString('hex')
  })
  const stream = keyStream(9n, 500)
  const at = (from, length) => stream.slice(2 * from, 2 * (from + length))
  t.deepEqual(parts, [at(0, 5), '', at(8, 4), at(12, 64), at(76, 1), at(80, 300)])
})

test('a call long enough to be interrupted gives one stream', (t) => {
  const length = (16 << 20) + 100
  const guest = rawGuest({ random: { seed: 3n } }, { memory: '300' })
  guest.must('random_get', 1024, length)
  const tail = Buffer.from(guest.bytes.slice(1024 + (16 << 20), 1024 + length)).toString('hex')
  const first = (16 << 20) / 64
  t.is(tail, (block(3n, first) + block(3n, first + 1)).slice(0, 200))
})

test('each sandbox has a generator of its own', (t) => {
  const [one, other] = [rawGuest({ random: { seed: 1 } }), rawGuest({ random: { seed: 1 } })]
  const next = (guest) => {
    guest.must('random_get', 0, 8)
    return guest.u64(0)
  }
  const first = next(one)
  t.not(next(one), first)
  t.is(next(other), first)
})

test('without a seed the bytes differ', (t) => {
  for (const random of [undefined, {}, { seed: undefined }]) {
    const drawn = new Set(
      [1, 2, 3].map(() => {
        const guest = rawGuest({ random })
        guest.must('random_get', 0, 8)
        return guest.u64(0)
      }),
    )
    t.is(drawn.size, 3)
  }
})

test('a bad pointer is OVERFLOW and draws nothing', (t) => {
  const guest = rawGuest({ random: { seed: 4 } })
  t.is(guest.call.random_get(2 * 65_536 - 3, 4), 61)
  guest.must('random_get', 1024, 32)
  t.is(Buffer.from(guest.bytes.slice(1024, 1056)).toString('hex'), keyStream(4n, 32))
})

const make = (random) => () => new WASI({ version: 'preview1', random })

test('a seed that is neither number nor bigint is ERR_INVALID_ARG_TYPE', (t) => {
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

test('a seed that is no key is ERR_OUT_OF_RANGE', (t) => {
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

test('a property of another name is ERR_INVALID_ARG_VALUE: the run would not be the same twice', (t) => {
  t.throws(make({ Seed: 1 }), {
    instanceOf: TypeError,
    code: 'ERR_INVALID_ARG_VALUE',
    message: "The property 'options.random['Seed']' is unknown, must be one of: 'seed'. Did you mean 'seed'?",
  })
})
