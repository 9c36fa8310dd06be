import test from 'ava'
import { prints } from '../guests/run.mjs'

test('getentropy and random_get return different bytes each time and stay within the buffer', async (t) => {
  await prints(
    t,
    'random',
    [],
    `
getentropy(a, 256): 0
getentropy(b, 256): 0
memcmp(a, b, 256) != 0: yes
getentropy(a, 0): 0
getentropy(a, 257): EIO
__wasi_random_get(many, sizeof many): ok
odd: 0
__wasi_random_get(a, 100): ok
a[100] == 7 && a[101] == 7 && a[102] == 7 && a[255] == 7: yes
__wasi_random_get(a, 0): ok
`,
  )
})
