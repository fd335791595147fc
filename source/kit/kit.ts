/** What an application imports from 'poolctl/kit'. */
export {countBy, existsMany, findByIds, type Id, inBatches} from './batching.ts';
export {
  type Cache,
  type CacheKey,
  type CacheOptions,
  type CacheStats,
  createCache,
  type Invalidation,
} from './cache.ts';
export {type Tags, withTags} from './context.ts';
export {createPool, type InstrumentOptions, instrumentPool, type PoolOptions} from './create-pool.ts';
export {
  type DetectionOptions,
  detectQueries,
  expectQueries,
  type QueryExpectation,
  type QueryProblem,
} from './detection/detect-queries.ts';
export {watchQueries} from './detection/watch.ts';
export {expressTags, fastifyTags, honoTags, nextTags, trpcTags} from './frameworks.ts';
export type {Instrumented, PoolStats} from './instrument.ts';
export {poolMetrics} from './metrics.ts';
export {prismaTags} from './tags.ts';
export {
  type PrismaTimeoutOptions,
  prismaTimeouts,
  type Timeout,
  type TimeoutClass,
  timeoutClasses,
  withTimeout,
} from './timeouts.ts';
