import {Fragment} from 'react';
import {counted, formatCount, formatMs} from '../../core/text/format.ts';
import type {ScanEndpoint} from '../../model/scan-report.ts';
import {useConsole} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {
  BlankRow,
  Heading,
  Properties,
  type Property,
  PropertyRows,
  Prose,
  WhatCanBeDone,
} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {figureText, severityRole} from '../rows/scan.ts';
import {selectedEndpoint, whyNoReplay} from '../rows/selection.ts';

/** An endpoint of the application: what a request asks of the pool, and each issue with its place and its fix. */
export function EndpointDetail() {
  const row = useConsole(selectedEndpoint);
  const noReplay = useConsole(whyNoReplay);
  if (row === undefined)
    return (
      <Page>
        <Heading>endpoint</Heading>
        <Text role="warning">{'  it is no longer in the source'}</Text>
      </Page>
    );
  const {route, severity, endpoint, issues} = row;
  return (
    <Page>
      <Heading>{route}</Heading>
      <PropertyRows name={severity} nameRole={severityRole(row)} value={counted(issues.length, 'issue')} />
      {endpoint && <Properties properties={propertiesOf(endpoint)} />}
      {issues.map(({kind, file, line, detail, fix, patch}, index) => (
        <Fragment key={index}>
          <BlankRow />
          <Heading>{kind}</Heading>
          <PropertyRows
            name={`${file}:${line}`}
            nameWidth={`${file}:${line}`.length + 2}
            nameRole="strong"
            value=""
          />
          <Prose text={detail} />
          <Prose text={fix} />
          {patch && <Prose text="A patch is ready: 'poolctl scan --fix' applies it." role="muted" />}
        </Fragment>
      ))}
      {endpoint && <WhatCanBeDone value={noReplay ?? 'replay it at several sizes of the pool'} />}
    </Page>
  );
}

function propertiesOf({
  file,
  line,
  connections,
  sequential_queries,
  queries,
  live,
}: ScanEndpoint): Property[] {
  const shared =
    live === null || live.shared_with === 0
      ? ''
      : `; ${counted(live.shared_with, 'other endpoint')} can send some of them as well`;
  return [
    ['handler', `${file}:${line}`],
    ['connections', `${figureText(connections)} concurrently`],
    ['queries', `${figureText(queries)}, of them ${figureText(sequential_queries)} in sequence`],
    ...(live === null
      ? []
      : ([
          [
            'on the server',
            `${formatMs(live.total_exec_time_ms)} in ${formatCount(live.calls)} calls of ${counted(live.statements, 'statement')}${shared}`,
          ],
        ] as Property[])),
  ];
}
