'use strict'

// The errors of node:fs for copies that are impossible, for the class Directory.

const { systemError } = require('./fs-error.js')

const isSame = (one, other) => one.ino === other.ino && one.dev === other.dev

/**
 * Throws the error of node:fs for a copy that is impossible. `lookUp` calls `statSync` or `lstatSync`, and returns
 * undefined for a missing path.
 */
function checkCopy({ source, stats, target, isRecursive }, lookUp, dirname) {
  const fail = (code, prefix, errno, message, path) => systemError(code, prefix, 'cp', errno, message, path)
  const existing = lookUp('lstatSync', target)
  const isDirectory = stats.isDirectory()
  const invalid = (message) => fail('ERR_FS_CP_EINVAL', 'Invalid src or dest', 'EINVAL', message, target)
  if (existing !== undefined) {
    if (isSame(stats, existing)) throw invalid('src and dest cannot be the same')
    if (isDirectory && !existing.isDirectory()) {
      const message = `cannot overwrite non-directory ${target} with directory ${source}`
      const prefix = 'Cannot overwrite non-directory with directory'
      throw fail('ERR_FS_CP_DIR_TO_NON_DIR', prefix, 'EISDIR', message, target)
    }
    if (!isDirectory && existing.isDirectory()) {
      const message = `cannot overwrite directory ${target} with non-directory ${source}`
      const prefix = 'Cannot overwrite directory with non-directory'
      throw fail('ERR_FS_CP_NON_DIR_TO_DIR', prefix, 'ENOTDIR', message, target)
    }
  }
  if (!isDirectory) return
  for (let at = target; at !== dirname(at); ) {
    at = dirname(at)
    const above = lookUp('statSync', at)
    if (above && isSame(above, stats)) throw invalid(`cannot copy ${source} to a subdirectory of self ${target}`)
  }
  if (isRecursive) return
  const prefix = 'Recursive option not enabled, cannot copy a directory'
  throw fail('ERR_FS_EISDIR', prefix, 'EISDIR', `${source} is a directory (not copied)`, source)
}

exports.checkCopy = checkCopy
