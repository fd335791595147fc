import process from 'node:process';
import {crashLoop} from './crash-loop.ts';

/** `npm run crash -- 200`: so many deaths by SIGKILL; exit 1 where anything was lost that had been acknowledged. */
const {loops, killed, acknowledged, losses} = await crashLoop(Number(process.argv[2] ?? 200));
console.log(`${loops} loops, ${killed} killed; ${acknowledged} acknowledged, ${losses.length} lost`);
for (const loss of losses) console.log(loss);
process.exitCode = losses.length > 0 ? 1 : 0;
