import {recipes} from '../../recipes/index.ts';
import {cacheDiagnosisData, loadRecipeData} from '../../source/cli/recipe-data.ts';
import {createAssessor} from '../../source/core/assessment/assess.ts';
import {attachFactFindings, noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {openStage, settingsOf} from '../../source/demo/stories/stage.ts';
import type {HealthyStory, Stage, Story} from '../../source/demo/stories/story.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {createSampler} from '../../source/postgres/sampler/sampler.ts';
import type {Major} from '../helpers/majors.ts';
import {availableMajors, startTestServer} from '../helpers/server.ts';
import {requestTo} from '../postgres/requests.ts';
import {describeMoment, type Moment} from './moment.ts';

export type WatchedStory = {
  stage: Stage;
  /** Every reading so far. */
  moments: readonly Moment[];
  /** The first moment from now on that `isWanted` accepts; throws after `within_seconds` of the harm, with what stood first instead. */
  next(isWanted: (moment: Moment) => boolean, within_seconds: number): Promise<Moment>;
  end(): Promise<void>;
};

/** How often a story is read, as the console does while statements are shown. */
const interval_ms = 1000;

/**
 * Brings up a story on a server of its own and assesses it once a second, as the console does: opened when the harm is there, or
 * `isOpenBefore`. What assessments read beyond the snapshot is read after the second reading, then as often as it is due.
 */
export async function watchStory(
  story: Story | HealthyStory,
  {
    major = availableMajors()[0],
    isOpenBefore = false,
  }: {major?: Major | undefined; isOpenBefore?: boolean} = {},
): Promise<WatchedStory> {
  if (major === undefined) throw new Error('no PostgreSQL to test on');
  // Where poolctl runs on the server it finds the log, which names errors; most stories are without one, as most servers are elsewhere.
  const server = await startTestServer({major, settings: {log_min_messages: 'panic', ...settingsOf(story)}});
  const stage = await openStage(server);
  const stopping = new AbortController();
  const moments: Moment[] = [];
  const request = requestTo(server.url({database: stage.database}));
  const assessor = createAssessor(recipes);
  const attachFacts = attachFactFindings(recipes);
  let data = noDiagnosisData;
  let started_ms: number | null = null;
  let wake: () => void = () => {};

  async function readOn(): Promise<void> {
    const sampler = createSampler({
      connect: signal => connect(request, {purpose: 'watch', signal}),
      interval_ms,
    });
    sampler.setVisible({statements: true, texts: []});
    for await (const event of sampler.events(stopping.signal)) {
      if (event.kind === 'lost') continue;
      const seconds = started_ms === null ? -1 : (performance.now() - started_ms) / 1000;
      const assessment = assessor.assess(event.snapshot, data);
      moments.push({seconds, snapshot: attachFacts(event.snapshot, data, assessment.diagnosed), assessment});
      wake();
    }
  }

  async function readData(): Promise<void> {
    const connection = await connect(request, {purpose: 'watch', signal: stopping.signal});
    while (moments.length < 2) await stage.sleep(100);
    const read = cacheDiagnosisData(
      recipes,
      needs => loadRecipeData(connection, needs),
      () => performance.now(),
    );
    while (!stopping.signal.aborted) {
      data = await read(moments.at(-1)?.assessment.findings);
      await stage.sleep(interval_ms);
    }
    await connection.close();
  }

  const end = async () => {
    stopping.abort();
    await stage.end();
    await Promise.allSettled([reading, readingData]);
    await server.stop();
  };
  let reading: Promise<void> = Promise.resolve();
  let readingData: Promise<void> = Promise.resolve();
  try {
    const open = () => {
      reading = readOn();
      readingData = readData().catch(error => {
        if (!stopping.signal.aborted) throw error;
      });
    };
    await story.prepare(stage);
    if (isOpenBefore) open();
    await story.start(stage);
    started_ms = performance.now();
    if (!isOpenBefore) open();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    stage,
    moments,
    end,
    async next(isWanted, within_seconds) {
      for (let index = moments.length; ; index++) {
        while (moments[index] === undefined) {
          await Promise.race([new Promise<void>(resolve => (wake = resolve)), stage.sleep(5000)]);
        }
        const moment = moments[index] as Moment;
        if (isWanted(moment)) return moment;
        if (moment.seconds > within_seconds)
          throw new Error(`not within ${within_seconds} s:\n${describeMoment(moment)}`);
      }
    },
  };
}
