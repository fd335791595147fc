import {Box} from 'ink';
import {formatAge, formatCount, formatMs} from '../../core/text/format.ts';
import type {ReplayDocument, ReplayResult} from '../../model/replay-report.ts';
import {Chart} from '../components/chart.tsx';
import {useTheme} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, Prose, Signed, usePageWidth} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {hasEnded, recommended} from '../state/replay.ts';
import type {ReplayPage} from '../state/run.ts';

/** During a replay: the current measurement, the chart and the results so far. At the end the recommendation comes first. */
export function Replay({replay}: {replay: ReplayPage}) {
  const {symbols} = useTheme();
  const {document, error, rates, results} = replay;
  if (document !== null) return <Report document={document} />;
  if (error !== null)
    return (
      <Page key="failed">
        <Prose text="nothing was measured" role="strong" />
        <BlankRow />
        <Signed sign={symbols.critical} signRole="danger" text={error} role="danger" />
      </Page>
    );
  return (
    <Page key="measuring">
      <Signed sign={symbols.live} signRole="accent" text={measurementText(replay)} role="strong" />
      {replay.isStopping && (
        <Signed
          sign={symbols.warning}
          signRole="warning"
          text="stopping, the results so far are kept"
          role="warning"
        />
      )}
      <BlankRow />
      <RateChart rates={rates} />
      <Results results={results} />
    </Page>
  );
}

/** The keys of this page, with what they do. */
export function replayKeys(page: ReplayPage): [key: string, label: string][] {
  if (!hasEnded(page)) return [['Esc', 'stop and show the results so far']];
  return [
    ['Enter', recommended(page) === null ? 'close' : 'open tune-connection-limit with this value'],
    ['Esc', 'back'],
  ];
}

const chartRows = 8;
/** A measurement reports its progress this often. */
const progressEveryMs = 250;

function RateChart({rates}: {rates: number[]}) {
  const points = rates.map((value, index) => ({at_ms: index * progressEveryMs, value}));
  return (
    <Box height={chartRows} width={usePageWidth()} paddingX={2} flexShrink={0}>
      <Chart title="requests/s" unit="/s" points={points} role="accent" timeOf={formatAge} />
    </Box>
  );
}

function measurementText({benchmark, stage, progress}: ReplayPage): string {
  if (benchmark === null) return stage;
  const {index, of, variant, connection_limit, concurrency} = benchmark;
  const at = `${index + 1}/${of} ${variant}, connection_limit ${connection_limit}, ${concurrency} users`;
  return `${at}: ${progressText(progress)}`;
}

/** Slow requests leave the count at 0 for long: the elapsed time shows that the replay is going on. */
function progressText(progress: ReplayPage['progress']): string {
  if (progress === null || progress.elapsed_ms === 0) return 'warming up';
  const {requests, failed, elapsed_ms} = progress;
  return `${formatCount(requests)} requests${errorsOf(failed)} in ${formatAge(Math.max(1000, elapsed_ms))}`;
}

function errorsOf(count: number): string {
  return count === 0 ? '' : `, ${formatCount(count)} errors`;
}

const columns: [head: string, width: number, read: (result: ReplayResult) => string][] = [
  ['limit', 6, ({connection_limit}) => String(connection_limit)],
  ['users', 6, ({concurrency}) => String(concurrency)],
  ['req/s', 8, ({requests_per_second}) => formatCount(requests_per_second)],
  ['queries', 9, ({queries_per_request}) => formatCount(queries_per_request)],
  ['conns', 7, ({peak_connections}) => String(peak_connections ?? '-')],
  ['p95', 9, ({latency_ms}) => formatMs(latency_ms.p95)],
  ['waiting', 9, ({wait_ms}) => formatMs(wait_ms.p95)],
  ['errors', 8, ({errors}) => String(errors.pool_timeout + errors.too_many_connections + errors.other)],
];

/** Where there is room, a bar beside each result shows where throughput stops growing. */
const leastBar = 10;

type ResultsProps = {
  results: readonly ReplayResult[];
  recommendation?: ReplayDocument['recommendation'];
};

function Results({results, recommendation = null}: ResultsProps) {
  const {full} = useTheme().symbols;
  const nameWidth = Math.max(8, ...results.map(({variant}) => variant.length + 1));
  const head = `  ${'variant'.padEnd(nameWidth)}${columns.map(([title, own]) => title.padStart(own)).join('')}`;
  const room = usePageWidth() - head.length - 4;
  const fastest = Math.max(...results.map(({requests_per_second}) => requests_per_second));
  const barOf = ({requests_per_second}: ReplayResult) =>
    room < leastBar || fastest === 0 ? '' : full.repeat(Math.round((room * requests_per_second) / fastest));
  if (results.length === 0) return null;
  return (
    <>
      <BlankRow />
      <Text role="muted">{head}</Text>
      {results.map((result, index) => (
        <Text key={index}>
          <Text role={isOf(recommendation, result) ? 'good' : 'plain'}>
            {`  ${result.variant.padEnd(nameWidth)}${columns.map(([, own, read]) => read(result).padStart(own)).join('')}`}
          </Text>
          <Text role="accent">{`  ${barOf(result)}`}</Text>
        </Text>
      ))}
    </>
  );
}

function isOf(recommendation: ReplayDocument['recommendation'], result: ReplayResult): boolean {
  return (
    recommendation?.variant === result.variant &&
    recommendation.connection_limit === result.connection_limit &&
    recommendation.concurrency === result.concurrency
  );
}

function Report({document}: {document: ReplayDocument}) {
  const {symbols} = useTheme();
  const {endpoint, prisma, recommendation, results, is_complete} = document;
  const remarks = remarksOf(document);
  return (
    <Page key="report">
      <Prose text={`${endpoint}: ${prisma.semantics}`} role="strong" />
      {!is_complete && <Prose text="stopped before everything was measured" role="warning" />}
      <BlankRow />
      {recommendation === null && <Prose text={whyNoneRecommended(results)} />}
      {recommendation !== null && (
        <>
          <Heading>recommended</Heading>
          <Prose text={recommendation.reason} role="good" />
        </>
      )}
      <Results results={results} recommendation={recommendation} />
      {remarks.length > 0 && <BlankRow />}
      {remarks.map(remark => (
        <Signed key={remark} sign={symbols.bullet} signRole="muted" text={remark} />
      ))}
    </Page>
  );
}

/** What failed, and the report's notes. */
function remarksOf({results, notes}: ReplayDocument): string[] {
  const failures = results.flatMap(({variant, failures: own}) =>
    own.map(
      ({line, message, count}) => `${variant}${line === null ? '' : `, line ${line}`}: ${message} (${count})`,
    ),
  );
  return [...new Set([...failures, ...notes])];
}

/** The rule by which `recommend` recommends none. */
function whyNoneRecommended(results: readonly ReplayResult[]): string {
  const last = results.at(-1);
  if (last === undefined) return 'no limit is recommended: nothing was measured';
  const measured = new Set(
    results.filter(({variant}) => variant === last.variant).map(each => each.connection_limit),
  ).size;
  return measured < 3
    ? `no limit is recommended: that takes measurements at three limits, and ${last.variant} has ${measured}`
    : 'no limit is recommended: no request succeeded at any of them';
}
