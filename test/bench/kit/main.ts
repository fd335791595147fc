import process from 'node:process';
import pg from 'pg';
import {startServer} from '../../../source/demo/server.ts';
import {heldAfterTimeouts} from './held.ts';
import {overhead} from './overhead.ts';
import {queryCosts} from './queries.ts';

/** `npm run bench:kit`: what poolctl/kit saves and costs an application. Markdown on stdout; exit 1 above 20 µs a query. */
const mostMicros = 20;

const server = await startServer({settings: {max_connections: 200}});
const admin = new pg.Client({connectionString: server.superuserUrl});
try {
  await admin.connect();
  const {version} = (await admin.query('SELECT split_part(version(), $1, 2) AS version', [' '])).rows[0];
  console.log(`PostgreSQL ${version}, Node ${process.versions.node}\n`);
  console.log(await heldAfterTimeouts(server.superuserUrl, admin));
  const {text, micros} = await overhead(server.superuserUrl);
  console.log(text);
  console.log(await queryCosts(server.superuserUrl));
  if (micros > mostMicros) process.exitCode = 1;
} finally {
  await admin.end();
  await server.stop();
}
