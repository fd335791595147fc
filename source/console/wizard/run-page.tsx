import {Box} from 'ink';
import {memo} from 'react';
import {describeAfter} from '../../core/assessment/recovery.ts';
import {effectLines} from '../../core/engine/measures.ts';
import {countOutcomes} from '../../core/engine/run-state.ts';
import {formatMs, formatRatio} from '../../core/text/format.ts';
import type {RunHarm, RunState, RunStep, StepProgress} from '../../model/run.ts';
import {useTheme} from '../components/context.ts';
import {Anchor, Page} from '../components/page.tsx';
import {BlankRow, Prose, usePageWidth} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {textWidth} from '../screen/cell-width.ts';
import {fitText, type Role, shorten} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {describeLeft} from '../state/left-run.ts';
import {isUnderWay, type RecipeWizard} from '../state/run.ts';

type RunPageProps = {
  run: RunState;
  /** What a cancelled step left behind is being removed. */
  isCleaningUp: boolean;
};

/** A run: the slots, its steps and, once it has ended, how. The current step is kept in sight, and then the end. */
export function RunPage({run, isCleaningUp}: RunPageProps) {
  const {steps, current, phase} = run;
  const hasEnded = phase === 'ended';
  const isObserving = phase === 'observing';
  return (
    <Page follow={`${current} ${phase}`}>
      <Text>
        <Text role="muted">{'  slots  '}</Text>
        <Text role="strong">{slotsText(run)}</Text>
      </Text>
      <BlankRow />
      {steps.map((step, index) => {
        const shown = (
          <StepRows
            key={index}
            step={step}
            isLost={isLost(step, run)}
            isPausing={current === index && phase === 'pausing'}
            isCleaningUp={isCleaningUp}
          />
        );
        return index === current ? <Anchor key={index}>{shown}</Anchor> : shown;
      })}
      {(hasEnded || isObserving) && (
        <Anchor>
          <BlankRow />
          {hasEnded && <End run={run} />}
          {run.harm.map(harm => (
            <HarmRows key={`${harm.cause} ${harm.subject}`} harm={harm} isObserving={isObserving} />
          ))}
        </Anchor>
      )}
    </Page>
  );
}

/** The run that was left, in one row: where it is, and the key back to it. */
export function LeftRun({left}: {left: RecipeWizard}) {
  const {symbols} = useTheme();
  const isRunning = left.stage === 'running';
  const isDone = left.run?.status === 'done' && left.error === null;
  const role = isRunning ? 'accent' : isDone ? 'good' : 'warning';
  return (
    <Box height={1} flexShrink={0}>
      <Text>
        <Text role={role}>{` ${isRunning ? symbols.live : isDone ? symbols.done : symbols.warning} `}</Text>
        {describeLeft(left)}
      </Text>
      <Box flexShrink={0}>
        <Text>
          <Text role="key">{'  v'}</Text>
          {' shows it '}
        </Text>
      </Box>
    </Box>
  );
}

const signWidth = 4;
/** The longest: `applied, not verified`. */
const outcomeWidth = 22;
/** On narrower pages outcomes have no column of their own: whom the step is about needs the room. */
const leastForColumn = 60;

type StepRowsProps = {
  step: RunStep;
  /** The run has ended and the result of this step is unknown. */
  isLost: boolean;
  isPausing: boolean;
  isCleaningUp: boolean;
};

const StepRows = memo(function StepRows({step, isLost: lost, isPausing, isCleaningUp}: StepRowsProps) {
  const {symbols} = useTheme();
  const {title, result, progress, status} = step;
  const {sign, role, text} = lost
    ? {sign: symbols.warning, role: 'warning' as const, text: 'unknown: check server'}
    : describeStep(step, symbols, isCleaningUp);
  const width = usePageWidth();
  const outcome = width < leastForColumn ? textWidth(text) + 2 : outcomeWidth;
  const titleWidth = Math.max(10, width - signWidth - outcome);
  return (
    <>
      <Text>
        <Text role={role}>{`  ${sign} `}</Text>
        {fitText(shorten(title, titleWidth, symbols.ellipsis), titleWidth)}
        <Text role={role}>{` ${text}`}</Text>
      </Text>
      {result?.message && result.outcome !== 'verified' && (
        <Prose text={result.message} indent={6} role="muted" />
      )}
      <Prose text={effectLines(result?.measures ?? [])} indent={6} role="muted" />
      {progress && status === 'acting' && <Progress progress={progress} />}
      {isPausing && (
        <Text role="muted">{'      pausing to see whether the same client takes the freed slots again'}</Text>
      )}
    </>
  );
});

function isLost(step: RunStep, run: RunState): boolean {
  return run.phase === 'ended' && isUnderWay(step);
}

const widestBar = 40;

/** `[#####....] 42%  building index: scanning table`, and the session it waits for. */
function Progress({progress: {phase, done_ratio, waiting_for}}: {progress: StepProgress}) {
  const {full, empty} = useTheme().symbols;
  const cells = Math.min(widestBar, Math.max(10, usePageWidth() - 50));
  const filled = Math.round((done_ratio ?? 0) * cells);
  return (
    <>
      <Box>
        {done_ratio !== null && (
          <Box flexShrink={0} aria-hidden>
            <Text>
              {'      '}
              <Text role="accent">{full.repeat(filled)}</Text>
              <Text role="muted">{empty.repeat(cells - filled)}</Text>
            </Text>
          </Box>
        )}
        <Text>
          {done_ratio === null ? '        ' : `${formatRatio(done_ratio, 0).padStart(5)}  `}
          <Text role="accent">{phase}</Text>
        </Text>
      </Box>
      {waiting_for !== null && (
        <Prose text={`waits for ${waiting_for.pid} ${waiting_for.description}`} indent={6} role="warning" />
      )}
    </>
  );
}

function slotsText({before, after}: RunState): string {
  const read = (reading: RunState['before']) =>
    reading === null ? 'unknown' : `${reading.used} used, ${reading.headroom} free`;
  return after === null ? read(before) : `${read(before)} before; ${read(after)} after`;
}

function describeStep(
  step: RunStep,
  {done, failed, live, bullet, warning}: Theme['symbols'],
  isCleaningUp: boolean,
): {sign: string; role: Role; text: string} {
  if (step.status === 'acting') return {sign: live, role: 'accent', text: 'running'};
  if (step.status === 'verifying')
    return {sign: live, role: 'accent', text: isCleaningUp ? 'cleaning up' : 'verifying'};
  switch (step.result?.outcome) {
    case 'verified':
      return {sign: done, role: 'good', text: `verified, ${formatMs(step.result.duration_ms)}`};
    case 'applied':
      return {sign: warning, role: 'warning', text: 'applied, not verified'};
    case 'unknown':
      return {sign: warning, role: 'warning', text: 'unknown'};
    case 'skipped':
      return {sign: bullet, role: 'warning', text: 'skipped'};
    case 'failed':
      return {sign: failed, role: 'danger', text: `failed ${step.result.sqlstate ?? ''}`};
    default:
      return {sign: ' ', role: 'muted', text: 'waiting'};
  }
}

/** The harm before the run and after it; goes on with the readings while the page is open. */
function HarmRows({harm, isObserving}: {harm: RunHarm; isObserving: boolean}) {
  const isGone = harm.after?.state === 'gone';
  const remains = harm.after?.state === 'remains';
  const after = harm.after === null && isObserving ? 'measuring' : describeAfter(harm);
  return (
    <>
      <Prose text={`before: ${harm.before.summary}`} />
      <Prose text={`after: ${after}`} role={isGone ? 'good' : remains ? 'warning' : 'muted'} />
    </>
  );
}

const leftoverText =
  'the invalid index is still there: remove it with repair-invalid-indexes, or undo the run (Journal, u)';

function End({run}: {run: RunState}) {
  const {steps, status, reason, hint} = run;
  return (
    <>
      <Box marginX={2}>
        <Text wrap="wrap">
          <Text role={status === 'done' ? 'good' : 'warning'}>{status ?? ''}</Text>
          {`: ${outcomesText(run) || 'nothing to do'}; run ${run.run} in the journal`}
        </Text>
      </Box>
      {reason && reason !== status && <Prose text={reason} />}
      {hint && <Prose text={hint} />}
      {steps.some(({result}) => result?.has_leftover) && <Prose text={leftoverText} role="warning" />}
    </>
  );
}

/** `3 verified, 1 skipped`. */
function outcomesText(run: RunState): string {
  const {verified, applied, failed, skipped, unknown, pending} = countOutcomes(run.steps);
  const lost = run.steps.filter(step => isLost(step, run)).length;
  return Object.entries({
    verified,
    applied,
    failed,
    skipped,
    unknown: unknown + lost,
    'not started': pending - lost,
  })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}
