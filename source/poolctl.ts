/** What a team's own endpoints and recipes import from 'poolctl'. */
export {
  type Cache,
  type Context,
  defineEndpoint,
  type Endpoint,
  type Sql,
} from './replay/endpoint/endpoint.ts';
export * from './team-recipes/poolctl.ts';
