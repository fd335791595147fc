/** What an application imports from 'poolctl/kit'. */
export {createPool, type PoolOptions} from './create-pool.ts';
