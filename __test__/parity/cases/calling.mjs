// Numbers and types of arguments that JavaScript passes.

import { FUNCTIONS } from '../../support/guest.mjs'

const NON_I32 = [undefined, null, true, '0', 0n, {}, 1.5, NaN, 2 ** 32, Infinity, -(2 ** 40)]
const NON_I64 = [undefined, null, true, '0', 0, 1.5, {}]

export default function ({ newGuest, newWasi, outcome }) {
  const rows = {}
  const { wasiImport } = newGuest().wasi
  const unbound = newWasi().wasiImport
  for (const [name, types] of Object.entries(FUNCTIONS)) {
    if (name === 'proc_exit') continue
    const zeros = [...types].map((type) => (type === 'I' ? 0n : 0))
    rows[name] = {
      name: wasiImport[name].name,
      length: wasiImport[name].length,
      more: wasiImport[name](...zeros, 0),
      fewer: zeros.length ? wasiImport[name](...zeros.slice(1)) : undefined,
      wrong: zeros.map((_, index) =>
        (types[index] === 'I' ? NON_I64 : NON_I32).map((wrong) => wasiImport[name](...zeros.with(index, wrong))),
      ),
      unbound: outcome(() => unbound[name](...zeros)).code,
      'unbound, wrong count': unbound[name](...zeros, 0),
      attributes: { ...Object.getOwnPropertyDescriptor(wasiImport, name), value: undefined },
    }
  }
  rows.names = Object.keys(wasiImport)
  rows.proc_exit = [true, false].map((returnOnExit) => {
    const { name, length } = newWasi({ returnOnExit }).wasiImport.proc_exit
    return [name, length]
  })
  rows['bigints wrap'] = [-1n, 1n << 64n, -(1n << 70n)].map((wide) => wasiImport.clock_time_get(0, wide, 0))
  rows.clocks = [0, 1, 2, 3, 4, 99].map((id) => wasiImport.clock_time_get(id, 0n, 0))
  rows.resolutions = [0, 1, 2, 3, 4, 99].map((id) => wasiImport.clock_res_get(id, 0))
  return rows
}
