import {writeFile} from 'node:fs/promises';
import {generateSchemas} from './generate.ts';

/** `npm run schemas`: rewrites docs/schemas/. */
for (const [name, schema] of generateSchemas())
  await writeFile(`docs/schemas/${name}.json`, `${JSON.stringify(schema, null, 2)}\n`);
