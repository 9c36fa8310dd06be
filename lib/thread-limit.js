'use strict'

/** The number of threads that a guest may start by default. */
exports.DEFAULT_THREADS = 16

/** The largest limit: the numbers of threads have 29 bits. */
exports.MAX_THREADS = 2 ** 29 - 1
