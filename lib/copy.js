'use strict'

// The errors of node:fs for copies that are impossible, for the class Directory.

const { systemError } = require('./fs-error.js')

const isSame = (one, other) => one.ino === other.ino && one.dev === other.dev

/** Makes an error of `cpSync`. */
const failed = (code, prefix, errno, message, path) => systemError(code, prefix, 'cp', errno, message, path)

/** Makes the error for a copy that would replace a file with a directory, or a directory with a file. */
function overwrites(source, target, isDirectory) {
  if (isDirectory) {
    const message = `cannot overwrite non-directory ${target} with directory ${source}`
    const prefix = 'Cannot overwrite non-directory with directory'
    return failed('ERR_FS_CP_DIR_TO_NON_DIR', prefix, 'EISDIR', message, target)
  }
  const message = `cannot overwrite directory ${target} with non-directory ${source}`
  const prefix = 'Cannot overwrite directory with non-directory'
  return failed('ERR_FS_CP_NON_DIR_TO_DIR', prefix, 'ENOTDIR', message, target)
}

/**
 * Throws the error of node:fs for a copy that is impossible. `existing` has the attributes of the target, if it exists.
 * `isInside` returns whether the target is below the source.
 */
function checkCopy({ source, stats, target, existing, isInside, isRecursive }) {
  const isDirectory = stats.isDirectory()
  const invalid = (message) => failed('ERR_FS_CP_EINVAL', 'Invalid src or dest', 'EINVAL', message, target)
  if (existing !== undefined) {
    if (isSame(stats, existing)) throw invalid('src and dest cannot be the same')
    if (isDirectory !== existing.isDirectory()) throw overwrites(source, target, isDirectory)
  }
  if (!isDirectory) return
  if (isInside()) throw invalid(`cannot copy ${source} to a subdirectory of self ${target}`)
  if (isRecursive) return
  const prefix = 'Recursive option not enabled, cannot copy a directory'
  throw failed('ERR_FS_EISDIR', prefix, 'EISDIR', `${source} is a directory (not copied)`, source)
}

exports.checkCopy = checkCopy
exports.overwrites = overwrites
