// What an embedder may give for stdin, stdout and stderr besides a descriptor, for options/stdio.rs: told apart, and
// made functions that take or return bytes.
;() => {
  'use strict'
  const encoder = new TextEncoder()
  const { apply } = Reflect
  const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get

  /** Whether a value is an ArrayBuffer, of this realm or another. */
  const isBuffer = (value) => {
    try {
      return apply(byteLength, value, []) >= 0
    } catch {
      return false
    }
  }
  const isData = (value) => typeof value === 'string' || ArrayBuffer.isView(value) || isBuffer(value)

  /** The bytes of data; anything else stays what it is. */
  const bytes = (value) => {
    if (typeof value === 'string') return encoder.encode(value)
    if (isBuffer(value)) return new Uint8Array(value)
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return value ?? null
  }

  /** A function that gives the bytes of an iterable, one of them at a time, and `end`, which lets the rest go. */
  const reader = (iterable) => {
    let iterator
    let open = false // Begun, not running, and not at its end.
    let ended = false
    const end = () => {
      ended = true
      if (!open) return
      open = false
      iterator.return?.()
    }
    const read = () => {
      iterator ??= iterable[Symbol.iterator]()
      open = false
      const { done, value } = iterator.next()
      open = !done
      if (ended) end() // Meanwhile.
      // Its end it tells by `done`: what is no data, such as a hole in an array, is a mistake.
      return done ? null : (bytes(value) ?? undefined)
    }
    return Object.assign(read, { end })
  }

  /** Chunks in a stream at most: each takes half a kilobyte of memory, however short it is. */
  const MAX_CHUNKS = 1 << 20

  /** Tracks what a stream still holds of the chunks it was given here. */
  const backlogOf = (stream) => {
    const sizes = []
    let first = 0
    let bytes = 0
    return {
      /** How many bytes the stream may be given before it holds `limit`. One that does not say what it holds takes all. */
      room(limit) {
        const { writableLength: held, writableObjectMode: countsObjects } = stream
        if (typeof held !== 'number') return Infinity
        const isDone = countsObjects ? () => sizes.length - first > held : () => bytes - sizes[first] >= held
        while (first < sizes.length && isDone()) bytes -= sizes[first++]
        if (first * 2 > sizes.length) {
          sizes.splice(0, first)
          first = 0
        }
        return sizes.length - first < MAX_CHUNKS ? Math.max(limit - (countsObjects ? bytes : held), 0) : 0
      },
      add(size) {
        sizes.push(size)
        bytes += size
      },
    }
  }

  const MODES = { in: ['inherit', 'ignore'], out: ['inherit', 'ignore', 'pipe'] }

  // Bytes, or a function that returns bytes or null for the end; undefined for anything else.
  const data = (value) => {
    if (isData(value)) return bytes(value)
    if (typeof value !== 'object' || typeof value?.[Symbol.iterator] !== 'function') return undefined
    return reader(value)
  }

  return {
    data,

    // Returns a mode, or what `data` returns. Also takes a function of the embedder.
    input(value) {
      if (MODES.in.includes(value)) return value
      return typeof value === 'function' ? (size) => bytes(value(size)) : data(value)
    },

    // A mode, or a function; undefined for anything else. The function gets a Buffer and `limits.output`. It returns how
    // many bytes were taken, unless it takes all.
    output(value) {
      if (MODES.out.includes(value)) return value
      if (typeof value === 'function') return (chunk) => void value(chunk)
      // A Buffer has a `write`, too, but is no stream.
      if (isData(value) || typeof value !== 'object' || typeof value?.write !== 'function') return undefined
      const backlog = backlogOf(value)
      let isHandled = false
      return (chunk, limit) => {
        const room = backlog.room(limit)
        // A copy, since a view of the chunk would keep all of its memory.
        const given = room < chunk.length ? Buffer.from(chunk.subarray(0, room)) : chunk
        if (given.length > 0) {
          if (room < Infinity) backlog.add(given.length)
          value.write(given)
        }
        if (value.errored) {
          // It comes out of start(): the same error need not end the process as an event, too.
          if (!isHandled) value.once?.('error', () => {})
          isHandled = true
          throw value.errored
        }
        if (value.destroyed) {
          throw Object.assign(new Error('Cannot call write after a stream was destroyed'), {
            code: 'ERR_STREAM_DESTROYED',
          })
        }
        return given.length
      }
    },
  }
}
