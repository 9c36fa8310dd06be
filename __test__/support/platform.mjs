// The operating systems that specs distinguish. Imports no ava, so that child processes can use this file.

export const windows = process.platform === 'win32'
export const posix = !windows
export const linux = process.platform === 'linux'
