// pg's types describe its main entry only. That entry loads the pool too, which poolctl never uses.
declare module 'pg/lib/client.js' {
  const Client: new (config: Record<string, unknown>) => import('./client.ts').RawPgClient;
  export default Client;
}
declare module 'pg/lib/connection.js' {
  const Connection: new (config: Record<string, unknown>) => import('./client.ts').RawPgClient['connection'];
  export default Connection;
}
