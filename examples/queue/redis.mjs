// The connection to Redis, and the name of the queue, for producers and workers.

import { Redis } from 'ioredis'

export const QUEUE = 'guests'

// A connection that is lost comes back: commands wait for it instead of failing, which BullMQ requires.
export const connect = () => new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1', { maxRetriesPerRequest: null })
