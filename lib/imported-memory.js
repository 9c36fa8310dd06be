'use strict'

// Memories that compiled modules import. Their limits are bigints.

const { Instance, LinkError, Memory, Module } = WebAssembly

const PAGE_SIZE = 65536
/** The pages of 4 GiB. */
const MAX_PAGES = 2 ** 16

/** Returns the imported memories of a module. */
const importedMemories = (module) => Module.imports(module).filter(({ kind }) => kind === 'memory')

/** Creates a memory with the limits of an import. */
function createMemory({ initial, maximum, isShared, is64 }) {
  const size = (pages) => (pages === undefined || is64 ? pages : Number(pages))
  const descriptor = { initial: size(initial), maximum: size(maximum), shared: isShared }
  return new Memory(is64 ? { ...descriptor, address: 'i64' } : descriptor)
}

/** Returns the smallest number from `low` to `high` for which `holds` returns true, as it does for all larger ones. */
function smallest(low, high, holds) {
  let [from, to] = [low, low]
  // Large memories take time to create, so this tries small numbers first.
  for (let step = 1; to < high && !holds(to); step *= 2) {
    from = to + 1
    to = Math.min(to + step, high)
  }
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    if (holds(middle)) to = middle
    else from = middle + 1
  }
  return from
}

/**
 * Returns the limits of the shared memory that a module imports. WebAssembly has no API for the limits, so this finds
 * them by the errors for memories that do not fit. As those memories are not shared, no attempt creates an instance.
 */
function memoryLimitsOf(module) {
  const imports = {}
  for (const { module: from, name: of } of Module.imports(module)) {
    imports[from] ??= {}
    imports[from][of] = () => {}
  }
  const [{ module: namespace, name }] = importedMemories(module)
  const refuses = (reason, initial, maximum) => {
    imports[namespace][name] = new Memory({ initial, maximum })
    try {
      new Instance(module, imports)
    } catch (error) {
      if (error instanceof LinkError) return error.message.includes(reason)
      throw error
    }
    const { invalidValue } = require('./validate.js')
    throw invalidValue("The argument 'module' must import a shared memory. Its memory is not shared")
  }
  const initial = smallest(0, MAX_PAGES, (pages) => !refuses('smaller', pages, MAX_PAGES))
  const isTooLarge = (pages) => pages > MAX_PAGES || refuses('larger', initial, pages)
  const maximum = smallest(initial, MAX_PAGES + 1, isTooLarge) - 1
  return { module: namespace, name, initial: BigInt(initial), maximum: BigInt(maximum), isShared: true, is64: false }
}

exports.PAGE_SIZE = PAGE_SIZE
exports.createMemory = createMemory
exports.importedMemories = importedMemories
exports.memoryLimitsOf = memoryLimitsOf
