import type {ParameterValues, Plan} from '../model/recipe.ts';
import type {ReplayUpdate} from '../model/replay-report.ts';
import type {RunState} from '../model/run.ts';
import type {Backend} from '../model/snapshot.ts';
import {readBase, readPast, readWholeRecording} from './past-effects.ts';
import type {ConsolePorts} from './ports.ts';
import type {Effect, ScrollBy} from './state/state.ts';
import type {Message} from './store.ts';

export type EffectContext = {
  dispatch(message: Message): void;
  terminal: {write(bytes: string): void; suspend(): Promise<void>};
  screen: {invalidate(): void};
  scroll(page: string, by: ScrollBy): void;
  /** `isRunning`: a run has to be ended first. */
  quit(isRunning: boolean): void;
  repaint(): void;
};

export type Effects = {
  perform(effect: Effect): void;
  /** Interrupts runs and replays in progress; resolves to the runs once their ends are in the journal. */
  endRuns(): Promise<RunState[]>;
};

/** Performs effects; their results come back as messages. */
export function createEffects(ports: ConsolePorts, context: EffectContext): Effects {
  const {dispatch, terminal, quit} = context;
  const warn = (error: unknown) =>
    dispatch({kind: 'notice', notice: {text: messageOf(error).join('. '), severity: 'warning'}});
  const running = new Map<Plan, {interrupt: AbortController; ended: Promise<RunState | null>}>();
  let replaying: {interrupt: AbortController; ended: Promise<void>} | undefined;
  let isScanning = false;
  let isSuspended = false;
  /** Of several requests for the past, or for the journal, only the last one counts. */
  let lastPastRequest = 0;
  let lastJournalRequest = 0;
  let playing: ReturnType<typeof setTimeout> | undefined;
  const perform: Effects['perform'] = effect => {
    switch (effect.kind) {
      case 'quit':
        return quit(running.size > 0);
      case 'suspend':
        // A second Ctrl-Z of the same read would stop the process again right after it goes on.
        if (isSuspended) return;
        isSuspended = true;
        return void terminal.suspend().finally(() => {
          isSuspended = false;
        });
      case 'redraw':
        context.screen.invalidate();
        return context.repaint();
      case 'scroll':
        return context.scroll(effect.page, effect.by);
      case 'refresh':
        return ports.sampler.refresh();
      case 'set-interval':
        return ports.sampler.setInterval(effect.interval_ms);
      case 'show':
        return ports.sampler.setVisible(effect);
      case 'copy':
        return void ports
          .copy(effect.text, terminal.write)
          .then(
            result =>
              dispatch({kind: 'notice', notice: {text: copyNotice(effect.text, result), severity: 'info'}}),
            warn,
          );
      case 'describe-session':
        return void describeSession(ports, effect.backend, effect.isPast)
          .catch(messageOf)
          .then(lines => dispatch({kind: 'session-described', id: effect.id, lines}));
      case 'format-statement':
        return void formatLazily(effect.query).then(lines =>
          dispatch({kind: 'statement-formatted', id: effect.id, lines}),
        );
      case 'explain':
        return void ports
          .explain(effect.statement)
          .catch(messageOf)
          .then(lines => dispatch({kind: 'explained', id: effect.id, lines}));
      case 'read-journal': {
        const asked = ++lastJournalRequest;
        return void ports
          .readJournal()
          .catch(error => ({entries: [], problem: messageOf(error).join(' '), unfinished: 0}))
          .then(journal => asked === lastJournalRequest && dispatch({kind: 'journal-read', ...journal}));
      }
      case 'scan':
        // The view may be shown again before its scan has ended: that one will do.
        if (isScanning) return;
        isScanning = true;
        return void ports.scan
          ?.run()
          .then(
            result => dispatch({kind: 'scanned', result}),
            error => dispatch({kind: 'scan-failed', message: messageOf(error).join('. ')}),
          )
          .finally(() => {
            isScanning = false;
          });
      case 'read-remembered':
        return void ports.remembered
          ?.read()
          .then(remembered => dispatch({kind: 'remembered', remembered}), warn);
      case 'load-diagnosis-data':
        // It fails as a whole only when the connection is lost: the data known so far stays, and it is read again later.
        return void loadDiagnosisDataLazily(ports, effect).then(dispatch, () => {});
      case 'load-server-rows':
        return void import('../core/server/topics/index.ts').then(
          ({serverRows}) => dispatch({kind: 'server-rows', serverRows}),
          warn,
        );
      case 'load-data': {
        const {dataRequest} = effect;
        return void ports.loadData(dataRequest.needs).then(
          facts => dispatch({kind: 'data-loaded', dataRequest, facts}),
          error => dispatch({kind: 'data-failed', dataRequest, message: messageOf(error).join('. ')}),
        );
      }
      case 'execute-plan': {
        const interrupt = new AbortController();
        const {plan, server, answers} = effect;
        const {signal} = interrupt;
        const ended = followRun(ports.execute(plan, {server, answers, signal}), dispatch);
        running.set(plan, {interrupt, ended});
        return void ended.then(() => running.get(plan)?.ended === ended && running.delete(plan));
      }
      case 'interrupt-run':
        return running.get(effect.plan)?.interrupt.abort();
      case 'replay': {
        const interrupt = new AbortController();
        replaying = {
          interrupt,
          ended: followReplay(ports, effect.params, {signal: interrupt.signal, dispatch}),
        };
        return;
      }
      case 'interrupt-replay':
        return replaying?.interrupt.abort();
      case 'read-past': {
        const asked = ++lastPastRequest;
        return void readPast(ports, effect).then(
          past => asked === lastPastRequest && dispatch({kind: 'past-read', ...past}),
          warn,
        );
      }
      case 'read-window': {
        const {asked_ms} = effect;
        return void readBase(ports, effect).then(
          base => dispatch({kind: 'window-read', asked_ms, base}),
          warn,
        );
      }
      case 'read-whole-recording':
        return void readWholeRecording(ports).then(whole => dispatch({kind: 'whole-recording', whole}), warn);
      case 'play-on':
        clearTimeout(playing);
        playing = setTimeout(() => dispatch({kind: 'play-on'}), effect.after_ms);
        return;
      case 'cancel-past':
        lastPastRequest++;
        clearTimeout(playing);
        return;
      case 'write-out':
        return void ports.past
          .write(effect.file)
          .then(
            file => dispatch({kind: 'notice', notice: {text: `written to ${file}`, severity: 'info'}}),
            warn,
          );
    }
  };
  return {
    perform,
    async endRuns() {
      const ending = [...running.values()];
      for (const {interrupt} of ending) interrupt.abort();
      replaying?.interrupt.abort();
      const [runs] = await Promise.all([
        Promise.all(ending.map(({ended}) => ended)),
        Promise.race([replaying?.ended, replayTimeout()]),
      ]);
      return runs.filter(run => run !== null);
    },
  };
}

/** Quitting waits no longer than this for a replay to end. */
function replayTimeout(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 2000).unref());
}

async function describeSession(ports: ConsolePorts, backend: Backend, isPast: boolean): Promise<string[]> {
  const {query, locks, timeouts} = isPast
    ? {query: null, locks: ['locks and timeouts are not recorded'], timeouts: []}
    : await ports.describeSession(backend);
  const text = query ?? backend.query;
  return [
    ...(text === null ? ['(hidden from this role)'] : await formatLazily(text)),
    '',
    ...locks,
    '',
    ...timeouts,
  ];
}

/** Loaded on first use: the first frame does not need it. */
async function loadDiagnosisDataLazily(
  {recipes, loadData}: ConsolePorts,
  {due, at_ms}: Extract<Effect, {kind: 'load-diagnosis-data'}>,
): Promise<Message> {
  const {loadDiagnosisData, loadFacts} = await import('../core/recipe/diagnose.ts');
  if (due === 'all')
    return {kind: 'diagnosis-data', at_ms, diagnosisData: await loadDiagnosisData(recipes, loadData)};
  const loaded = await loadFacts(loadData, due);
  return {kind: due, at_ms, ...loaded};
}

/**
 * The formatter is loaded when the first statement is shown. An upgrade under an open console may have removed its
 * file by then: the statement is shown unformatted.
 */
async function formatLazily(query: string): Promise<string[]> {
  const formatter = await import('./format-sql.ts').catch(() => null);
  return formatter === null ? [query] : formatter.formatSql(query);
}

async function followRun(
  states: AsyncIterable<RunState>,
  dispatch: (message: Message) => void,
): Promise<RunState | null> {
  let last: RunState | null = null;
  try {
    for await (const run of states) {
      last = run;
      dispatch({kind: 'run', run});
    }
  } catch (error) {
    dispatch({kind: 'run-failed', run: last?.run ?? null, message: messageOf(error).join(' ')});
  }
  return last;
}

async function followReplay(
  {replay}: ConsolePorts,
  params: ParameterValues,
  {signal, dispatch}: {signal: AbortSignal; dispatch: (message: Message) => void},
): Promise<void> {
  try {
    const onUpdate = (update: ReplayUpdate) => dispatch({kind: 'replay-update', update});
    dispatch({kind: 'replayed', document: await replay(params, {signal, onUpdate})});
  } catch (error) {
    dispatch({kind: 'replay-failed', message: messageOf(error).join('. ')});
  }
}

function messageOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const hint = 'hint' in error && typeof error.hint === 'string' ? [error.hint] : [];
  return [error.message, ...hint];
}

/** A snapshot holds this much of a session's statement; the detail reads all of it. */
const longestRead = 2048;

function copyNotice({length}: string, result: string): string {
  return length >= longestRead ? `the first ${length} characters: ${result}` : result;
}
