'use strict'

// Makes `fs.Stats` from the numbers of native code.

const { Stats } = require('node:fs')

/** The arguments of `fs.Stats`, in the order in which native code returns them. */
const STAT_FIELDS = 'dev mode nlink uid gid rdev blksize ino size blocks atimeMs mtimeMs ctimeMs birthtimeMs'.split(' ')
const TIMES = ['atime', 'mtime', 'ctime', 'birthtime']

/** Since Node 22, `Stats` computes dates when they are read. Its constructor is deprecated. */
const hasLazyDates = 'atime' in Stats.prototype

/** Makes an object of the class `fs.Stats`. */
function statsOf(values) {
  const stats = Object.create(Stats.prototype)
  STAT_FIELDS.forEach((field, index) => {
    stats[field] = values[index]
  })
  if (!hasLazyDates) for (const time of TIMES) stats[time] = new Date(Math.round(stats[`${time}Ms`]))
  return stats
}

exports.statsOf = statsOf
