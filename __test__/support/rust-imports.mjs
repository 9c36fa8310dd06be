// Finds the imports between the files of src, from all paths in the code.

import { readdirSync, readFileSync } from 'node:fs'

const src = new URL('../../src/', import.meta.url)

/** Reads the sources: a Map from the path of each file, relative to src, to its text. */
export function readSources() {
  const names = readdirSync(src, { recursive: true }).map((name) => `${name}`.replaceAll('\\', '/'))
  const files = names.filter((name) => name.endsWith('.rs')).sort()
  return new Map(files.map((name) => [name, readFileSync(new URL(name, src), 'utf8')]))
}

const TOKEN = new RegExp(
  [
    /(?<comment>\/\/[^\n]*|\/\*(?:(?!\/\*).)*?\*\/)/su,
    /(?<literal>[bc]?r(?<hashes>#*)".*?"\k<hashes>|[bc]?"(?:[^"\\]|\\.)*"|b?'(?:\\.[^']*|[^\\'])')/su,
    /'?(?:r#)?(?<name>\$?[\p{L}\p{N}_]+)/u, // or a lifetime, or a number
    /::|\/\*|\S/u,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gsu',
)

/**
 * Splits code into words. A path is one word, including the bracket or star that follows: `crate::core::{`. Omits
 * comments and visibilities. Replaces literals with `""` and `r#name` with `name`.
 */
function wordsOf(text) {
  const tokens = [...text.matchAll(TOKEN)].flatMap(({ 0: token, groups: { comment, literal, name } }) => {
    if (comment) return []
    if (literal) return '""'
    return name === '$crate' ? 'crate' : (name ?? token)
  })
  return tokens
    .join(' ')
    .replace(/(?<=[\p{L}\p{N}_]) :: /gu, '::')
    .replace(/\bpub \( (?:crate|super|self|in \S+) \)/g, 'pub')
    .split(' ')
}

const isName = (word) => /^[\p{L}_]/u.test(word)

/** Returns the module of a file as a list of names: `node/options.rs` is `['node', 'options']`. */
const moduleOf = (file) => (file === 'lib.rs' ? [] : file.replace(/(\/mod)?\.rs$/, '').split('/'))

/**
 * Resolves a path that starts with `crate`, `self` or `super` to a list of names from the root. Returns undefined for
 * the root itself, for an unknown name, and for a path that leads out of a macro or of the crate.
 */
function resolve(names, { module, macro = 0 }) {
  const start = names.findIndex((name) => !['crate', 'self', 'super'].includes(name))
  const depth = module.length - names.slice(0, start).filter((name) => name === 'super').length
  const resolved = [...module.slice(0, names[0] === 'crate' ? 0 : depth), ...names.slice(start)]
  return start > 0 && depth >= macro && isName(resolved[0]) ? resolved.filter(isName) : undefined
}

/**
 * Reads one file. Returns its imports as paths from the root, and its problems: code that can hide an import. Each
 * open bracket is a scope with a module. In the scope of `prefix::{` each path starts with the prefix. `macro` is the
 * depth of the module around a macro: the path `super` in a macro depends on where the macro is used.
 */
function readImports(sources, file) {
  const words = wordsOf(sources.get(file))
  const imports = []
  const problems = []
  const bindings = new Map()
  const scopes = [{ module: moduleOf(file) }]

  /** Resolves a path outside of a group. Returns undefined for names of other crates and of this file. */
  const resolveWord = (names, isUse) => {
    if (names[0] === 'self' && names.length === 1) return undefined
    if (['crate', 'self', 'super'].includes(names[0])) {
      const resolved = resolve(names, scopes.at(-1))
      if (!resolved)
        problems.push(`${file}: unclear path \`${names.join('::')}\`: write \`crate::\` and a module's name`)
      return resolved
    }
    if (names.length === 1 && !isUse) return undefined
    const child = [...moduleOf(file), names[0]]
    const start = sources.has(`${child.join('/')}.rs`) ? child : bindings.get(names[0])
    return start && [...start, ...names.slice(1)].filter(isName)
  }

  for (const [index, word] of words.entries()) {
    const scope = scopes.at(-1)
    const [previous, next] = [words[index - 1], words[index + 1]]
    const names = word.split('::')
    const inGroup = 'prefix' in scope && !['crate', 'super'].includes(names[0])
    const isUse = previous === 'use' || inGroup
    let path
    if (/^[\p{L}_$*]/u.test(word)) {
      if (!inGroup) path = resolveWord(names, isUse)
      else if (scope.prefix && previous !== 'as')
        path = [...scope.prefix, ...names.filter((name) => isName(name) && name !== 'self')]
    }
    if (path && !word.endsWith('::{')) {
      imports.push(path)
      if (isUse) bindings.set(next === 'as' ? words[index + 2] : path.at(-1), path)
    }

    if (/^[)\]}]$/.test(word)) scopes.pop()
    else if (word.endsWith('::{')) scopes.push({ ...scope, prefix: path })
    else if (word === '{' && words[index - 2] === 'mod') scopes.push({ ...scope, module: [...scope.module, previous] })
    else if (/[([{]$/.test(word))
      scopes.push(words[index - 3] === 'macro_rules' ? { ...scope, macro: scope.module.length } : scope)

    if (word === '/*') problems.push(`${file}: a comment in a comment`)
    if (names.includes('include')) problems.push(`${file}: \`include!\`: make it a module`)
    if (word === 'path' && next === '=' && words[index + 2] === '""' && !/^(let|mut)$/.test(previous))
      problems.push(`${file}: \`#[path]\`: name the file like its module`)
  }
  if (scopes.length !== 1) problems.push(`${file}: brackets do not match`)
  return { imports, problems }
}

/** Returns the lines of code that can hide an import. */
export const unclearImports = (sources) => [...sources.keys()].flatMap((file) => readImports(sources, file).problems)

/**
 * Returns which files each file imports: a Map from a path to a Set of paths. A name is resolved to the file of its
 * innermost module.
 */
export function importGraph(sources) {
  const fileOf = (names) => {
    for (let length = names.length; length > 0; length--) {
      const file = `${names.slice(0, length).join('/')}.rs`
      if (sources.has(file)) return file
    }
    return 'lib.rs'
  }
  const targets = (file) => readImports(sources, file).imports.map(fileOf)
  return new Map([...sources.keys()].map((file) => [file, new Set(targets(file).filter((target) => target !== file))]))
}

/** Returns the cycles of a graph: sets of files that import each other, directly or indirectly, as sorted lists. */
export function cycles(graph) {
  const reachable = (start) => {
    const seen = new Set()
    const open = [...(graph.get(start) ?? [])]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(...(graph.get(next) ?? []))
    }
    return seen
  }
  const reach = new Map([...graph.keys()].map((file) => [file, reachable(file)]))
  const found = new Map()
  for (const file of graph.keys()) {
    if (!reach.get(file).has(file)) continue
    const cycle = [...graph.keys()].filter((other) => reach.get(file).has(other) && reach.get(other).has(file)).sort()
    found.set(cycle.join(' '), cycle)
  }
  return [...found.values()]
}
