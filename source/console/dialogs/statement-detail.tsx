import {Box} from 'ink';
import {statementKey} from '../../core/activity/rates.ts';
import {loadText, type StatementsOver} from '../../core/activity/statement-window.ts';
import {describeWork, workOfStatement} from '../../core/assessment/work-and-waits.ts';
import {counted, formatBytes, formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import type {Sample} from '../../model/assessment.ts';
import type {Statement} from '../../model/snapshot.ts';
import {Chart, type Point} from '../components/chart.tsx';
import {useConsole} from '../components/context.ts';
import {Anchor, Page} from '../components/page.tsx';
import {BlankRow, Heading, Properties, type Property, Prose, usePageWidth} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {shownWindow, windowText} from '../rows/statements.ts';

type StatementDetailProps = {
  id: string;
  /** Formatted; null until it is. */
  text: string[] | null;
  /** The plan, once requested. */
  explain: string[] | null;
};

/** One statement: its cost, the trend since the console started, and its plan, which comes first: the user asked for it. */
export function StatementDetail({id, text, explain}: StatementDetailProps) {
  const statement = useConsole(({snapshot}) =>
    snapshot?.statements.find(candidate => statementKey(candidate) === id),
  );
  const shown = useConsole(shownWindow);
  const samples = useConsole(state => state.samples);
  if (!statement)
    return (
      <Page>
        <Heading>statement</Heading>
        <Text role="warning">{'  this statement is no longer among the costliest'}</Text>
      </Page>
    );
  return (
    <Page follow={explain}>
      <Heading>{`statement ${statement.queryid}`}</Heading>
      {explain !== null && (
        <>
          <Anchor>
            <Heading>plan</Heading>
            <Prose text={explain} />
          </Anchor>
          <BlankRow />
        </>
      )}
      <Properties properties={[...propertiesOf(statement, shown), ['waits', workText(statement, samples)]]} />
      <BlankRow />
      <Trend id={id} />
      <BlankRow />
      <Heading>text</Heading>
      <Prose text={text ?? statement.query ?? '(its text has not been read yet)'} />
      {explain === null && (
        <>
          <BlankRow />
          <Text>
            <Text role="key">{'  x'}</Text>
            <Text role="muted"> shows the plan without executing the statement</Text>
          </Text>
        </>
      )}
    </Page>
  );
}

const widestChart = 90;
const chartRows = 7;

function Trend({id}: {id: string}) {
  const {trend = [], history} = useConsole(state => ({trend: state.trends[id], history: state.history}));
  const width = Math.min(usePageWidth(), widestChart);
  // The trend has a value for each of the last snapshots.
  const times = history.slice(-trend.length);
  const points = trend
    .slice(-times.length)
    .map((value, index): Point => ({at_ms: times[index]?.at_ms ?? 0, value}));
  return (
    <Box height={chartRows} width={width} paddingLeft={2} flexShrink={0}>
      <Chart title="execution ms/s" unit="ms/s" points={points} role="accent" />
    </Box>
  );
}

function propertiesOf(s: Statement, shown: StatementsOver): Property[] {
  const hits = s.shared_blks_hit + s.shared_blks_read;
  return [
    windowProperty(shown, statementKey(s)),
    [
      'since reset',
      `${formatCount(s.calls)} ${s.calls === 1 ? 'call' : 'calls'}, ${formatMs(s.total_exec_time_ms)} in total, mean ${formatMs(s.mean_exec_time_ms)} ± ${formatMs(s.stddev_exec_time_ms)}, ${formatMs(s.min_exec_time_ms)} to ${formatMs(s.max_exec_time_ms)}`,
    ],
    ['rows', `${formatCount(s.rows)}, ${formatCount(s.calls === 0 ? null : s.rows / s.calls)} per call`],
    [
      'blocks',
      `${formatCount(s.shared_blks_hit)} hit, ${formatCount(s.shared_blks_read)} read (${formatRatio(hits === 0 ? null : s.shared_blks_hit / hits)} hit), ${formatCount(s.temp_blks_written)} temp written`,
    ],
    ['WAL', formatBytes(s.wal_bytes)],
    ['as', `${s.usename ?? s.userid} in ${s.datname ?? s.dbid}`],
  ];
}

function windowProperty(shown: StatementsOver, key: string): Property {
  const row = shown.rows.find(each => each.key === key);
  const name = windowText(shown);
  if (!row?.figures) return [name, 'unknown'];
  const {calls, calls_per_second, mean_exec_time_ms, stddev_exec_time_ms} = row.figures;
  if (calls === 0) return [name, 'no calls'];
  const of = row.variants === 1 ? '' : `, of ${row.variants} that differ in the length of IN lists`;
  return [
    name,
    `${formatCount(calls_per_second)} calls/s, ${loadText(row)} of all execution time, mean ${formatMs(mean_exec_time_ms)} ± ${formatMs(stddev_exec_time_ms)}${of}`,
  ];
}

/** By the sessions seen in it, which short statements are rarely in. */
function workText(statement: Statement, samples: readonly Sample[]): string {
  const work = workOfStatement(samples, statement);
  return work === null
    ? `not seen running in ${counted(samples.length, 'snapshot')} of the last minute`
    : describeWork(work);
}
