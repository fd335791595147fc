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
export {createPool, type PoolOptions} from './create-pool.ts';
