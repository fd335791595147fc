// tier: server
import {it} from 'vitest';
import {recipes} from '../../recipes/index.ts';
import {loadRecipeData} from '../../source/cli/recipe-data.ts';
import {createAssessor} from '../../source/core/assessment/assess.ts';
import {loadDiagnosisData, noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {startDemo} from '../../source/demo/demo.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {createSampler} from '../../source/postgres/sampler/sampler.ts';
import {requestTo} from '../postgres/requests.ts';
import {describeMoment} from './watch-story.ts';

it('demo', async () => {
  const demo = await startDemo({});
  const request = requestTo(demo.url);
  const stop = new AbortController();
  const sampler = createSampler({connect: signal => connect(request, {purpose: 'watch', signal}), interval_ms: 1000});
  sampler.setVisible({statements: true, queryids: []});
  const assessor = createAssessor(recipes);
  let data = noDiagnosisData;
  const c = await connect(request, {purpose: 'watch', signal: stop.signal});
  let n = 0;
  for await (const event of sampler.events(stop.signal)) {
    if (event.kind === 'lost') continue;
    if (n === 2) data = await loadDiagnosisData(recipes, needs => loadRecipeData(c, needs));
    const a = assessor.assess(event.snapshot, data);
    if ([0, 3, 8, 15, 25, 35, 45, 60].includes(n)) console.log(describeMoment({seconds: n, snapshot: event.snapshot, assessment: a}));
    if (n === 45) console.log(JSON.stringify(a.findings[0], null, 1));
    if (n++ > 60) break;
  }
  await c.close();
  await demo.stop();
}, 200_000);
