'use strict'

/** Texts for the usual errors of `new WASI` and `Directory`. */
const REASONS = {
  __proto__: null,
  ENOENT: 'no such directory',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'this machine has no such address',
}

/** Returns why a directory or an address cannot be opened. */
exports.reasonOf = ({ code, message }) => {
  if (!code.startsWith('UVWASI_')) return REASONS[code] ?? message
  const errno = code.slice('UVWASI_'.length)
  return REASONS[errno] ?? errno
}
