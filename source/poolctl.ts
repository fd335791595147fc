/** What `import {...} from 'poolctl'` gives a team's own recipes and endpoints. */
export {
  type Cache,
  type Context,
  defineEndpoint,
  type Endpoint,
  type Sql,
} from './replay/endpoint/endpoint.ts';
export * from './team-recipes/poolctl.ts';
