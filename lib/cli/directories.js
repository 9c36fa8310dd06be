'use strict'

// The directories of the command line: --dir, --overlay, --memory-dir and --changes.

const { escapeControls, fail, rejecting, report, show } = require('./messages.js')
const { reasonOf } = require('./reasons.js')

/** Rejects a mode at the end of GUEST: a mistyped `:ro` must not make a directory writable. */
function rejectMode(guest, invalid) {
  const [mode] = /:[\w,-]*$/.exec(guest) ?? []
  if (mode !== undefined) invalid(`unknown mode '${mode}'`)
}

/** Splits `HOST[::GUEST]` in two. */
function splitNames(text, invalid) {
  const [host, guest = host, ...rest] = text.split('::')
  if (host === '') invalid('HOST is empty')
  if (guest === '') invalid('GUEST is empty')
  if (rest.length > 0) invalid("more than one '::'")
  // On Windows `C:name` is a path.
  const isOnDrive = guest === host && /^[a-z]:/i.test(host)
  if (!isOnDrive) rejectMode(guest, invalid)
  return [host, guest]
}

/** `HOST:GUEST`, as other tools write it. `C:/name` is a path on Windows. */
const WITH_ONE_COLON = /^(?![a-z]:[\\/][^:]*$)(.+?):(\/.*)$/i

/** Fails for a directory of the host that cannot be opened. `mode` is the mode of the option. */
function failToOpen(option, path, error, mode = '') {
  const [, host, guest] = (error.code.endsWith('ENOENT') && WITH_ONE_COLON.exec(path)) || []
  const names = host && show(`${host}::${guest}${mode}`)
  const hint = host ? `; to mount ${show(host)} as ${show(guest)}, write ${option} ${names}` : ''
  fail(`${option} ${show(path)}: ${reasonOf(error)}${hint}`)
}

/** Converts `HOST[::GUEST][:ro]` to a directory for the guest. */
function readDirectory(text) {
  const readonly = text.endsWith(':ro')
  const invalid = rejecting('--dir', text, 'HOST[::GUEST][:ro]')
  const [host, guest] = splitNames(readonly ? text.slice(0, -3) : text, invalid)
  return { option: '--dir', guest, preopen: readonly ? { path: host, readonly } : host }
}

function readOverlay(text) {
  const [host, guest] = splitNames(text, rejecting('--overlay', text, 'HOST[::GUEST]'))
  return { option: '--overlay', guest, lower: host }
}

function readMemoryDirectory(text) {
  const invalid = rejecting('--memory-dir', text, 'GUEST')
  if (text === '') invalid('GUEST is empty')
  if (text.includes('::')) invalid("a directory in memory has no HOST, and no '::'")
  rejectMode(text, invalid)
  return { option: '--memory-dir', guest: text }
}

/** Reads the directories of the command line. */
function readDirectories(values) {
  const directories = [
    ...values.dir.map(readDirectory),
    ...values.overlay.map(readOverlay),
    ...values['memory-dir'].map(readMemoryDirectory),
  ]
  const names = directories.map(({ guest }) => guest)
  const duplicate = names.find((name, index) => names.indexOf(name) !== index)
  if (duplicate !== undefined) {
    const options = new Set(directories.filter(({ guest }) => guest === duplicate).map(({ option }) => option))
    fail(`${[...options].join(' and ')}: two directories are named ${duplicate}; expected a different GUEST for each`)
  }
  if (values.changes && values.overlay.length === 0) fail('--changes: no overlay; expected --overlay HOST[::GUEST] too')
  return directories
}

/** Creates the directories in memory and overlays. Returns the option `preopens`. */
function openDirectories(directories) {
  for (const directory of directories) {
    const { option, lower } = directory
    try {
      if (option === '--memory-dir') directory.preopen = require('../wasi.js').Directory.memory()
      if (option === '--overlay') directory.preopen = require('../wasi.js').Directory.overlay(lower)
    } catch (error) {
      if (error.code === undefined) throw error
      failToOpen(option, lower, error)
    }
  }
  return Object.fromEntries(directories.map(({ guest, preopen }) => [guest, preopen]))
}

const LETTERS = { added: 'A', modified: 'M', removed: 'D' }

/** Lists the changes of the overlays. An error does not change the exit status. */
function reportChanges(directories) {
  const overlays = directories.filter(({ option }) => option === '--overlay')
  for (const { guest, preopen } of overlays) {
    // The guest's name of the overlay, if there are several.
    const prefix = overlays.length === 1 ? '' : guest.replace(/\/?$/, '/')
    const line = ({ change, path }) =>
      escapeControls(`${LETTERS[change]} ${prefix}${path}`, /[\\\p{Cc}\p{Bidi_Control}]/gu)
    try {
      const lines = preopen.changes().map(line)
      if (lines.length > 0) console.error(lines.join('\n'))
    } catch (error) {
      report(`--changes: cannot list the changes of ${show(guest)}: ${error.message}`)
    }
  }
}

exports.failToOpen = failToOpen
exports.openDirectories = openDirectories
exports.readDirectories = readDirectories
exports.reportChanges = reportChanges
