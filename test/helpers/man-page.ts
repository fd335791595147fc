import {readFile, writeFile} from 'node:fs/promises';
import {manPage} from '../../source/cli/call/help-text.ts';
import {commands} from '../../source/commands/index.ts';

/** `npm run man`: rewrites man/poolctl.1. */
const manifest = JSON.parse(await readFile('package.json', 'utf8'));
await writeFile('man/poolctl.1', manPage(commands, manifest));
