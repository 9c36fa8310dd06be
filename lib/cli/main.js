'use strict'

// Implements `npx capwasi [options] program.wasm [arguments]`, which runs a program in a sandbox.

const { failWithoutProgram, readCommandLine } = require('./command-line.js')
const { StartError, report } = require('./messages.js')

/** Carries out a command line. Returns the exit status. */
async function execute(argv) {
  const line = readCommandLine(argv)
  const { values, program, lastOption } = line
  if (values.help || values.version) {
    console.log(values.help ? require('./help.js').HELP : `capwasi ${require('../../package.json').version}`)
    return 0
  }
  if (program === undefined) failWithoutProgram(lastOption)
  return require('./run.js').run(line)
}

/** Runs the command, and sets the exit status of the process. */
exports.main = async (argv) => {
  try {
    process.exitCode = await execute(argv)
  } catch (error) {
    const isExpected = error instanceof StartError || error.code === 'ERR_CAPWASI_NO_ADDON'
    if (!isExpected) throw error
    report(error.message)
    process.exitCode = 2
  }
}
