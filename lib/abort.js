'use strict'

// Listeners of abort signals: one for each signal, because a signal with many listeners is taken for a leak.

/** The functions to call, and the listener that calls them, by signal. */
const listeners = new WeakMap()

function listenTo(signal) {
  const actions = new Set()
  const listener = () => {
    for (const action of actions) action()
  }
  signal.addEventListener('abort', listener)
  listeners.set(signal, { actions, listener })
}

/** Calls `action` when a signal aborts. Returns a function that removes it. */
function onAbort(signal, action) {
  if (!listeners.has(signal)) listenTo(signal)
  const { actions, listener } = listeners.get(signal)
  actions.add(action)
  return () => {
    actions.delete(action)
    if (actions.size > 0) return
    listeners.delete(signal)
    signal.removeEventListener('abort', listener)
  }
}

exports.onAbort = onAbort
