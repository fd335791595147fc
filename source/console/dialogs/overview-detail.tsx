import {Fragment} from 'react';
import {costliestStatements, loadText, type StatementRow} from '../../core/activity/statement-window.ts';
import {poolName} from '../../core/assessment/context.ts';
import {poolKey} from '../../core/assessment/sample.ts';
import {describeWork, workOfApplications} from '../../core/assessment/work-and-waits.ts';
import {formatCount, formatMs} from '../../core/text/format.ts';
import type {Change} from '../../model/recipe.ts';
import type {BudgetGroup} from '../../model/snapshot.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {clientOf, isHidden} from '../components/groups-list.tsx';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, PropertyRows, Prose, Signed} from '../components/prose.tsx';
import {uniqueKeys} from '../rows/arrange.ts';
import {groupId} from '../rows/groups.ts';
import {shownWindow, windowText} from '../rows/statements.ts';
import {findingId} from '../state/findings.ts';
import {ChangeRows} from './finding-detail.tsx';

/** What the Overview cuts or leaves out for want of room: findings, what could not be read, all groups, statements. */
export function OverviewDetail() {
  const {critical, warning, stale} = useTheme().symbols;
  const snapshot = useConsole(state => state.snapshot);
  const findings = useConsole(state => state.findings);
  const changes = useConsole(state => state.assessment?.changes ?? none);
  const shown = useConsole(shownWindow);
  const samples = useConsole(state => state.samples);
  if (snapshot === null) return null;
  const {budget, unavailable} = snapshot;
  const keys = uniqueKeys(findings.map(findingId));
  return (
    <Page>
      <Heading>findings</Heading>
      {findings.length === 0 && <Prose text="none" />}
      {findings.map((finding, index) => (
        <Signed
          key={keys[index]}
          sign={finding.severity === 'critical' ? critical : warning}
          signRole={finding.severity === 'critical' ? 'danger' : 'warning'}
          text={`${finding.summary} (${finding.recipe})`}
        />
      ))}
      {unavailable.map(({section, reason, remedy}) => (
        <Signed
          key={section}
          sign={stale}
          signRole="warning"
          text={`${section} not read: ${reason}. ${remedy}`}
        />
      ))}
      {changes.length > 0 && (
        <>
          <BlankRow />
          <Heading>what changed in the last minute</Heading>
          <ChangeRows changes={changes} />
        </>
      )}
      <BlankRow />
      <Heading>slots by application, role and client</Heading>
      {budget.groups.map(group => (
        <PropertyRows
          key={groupId(group)}
          name={String(group.count)}
          nameWidth={5}
          value={describeGroup(group)}
        />
      ))}
      <BlankRow />
      <Heading>work and waits in the last minute, by application</Heading>
      {workOfApplications(samples).map(({pool, work}) => (
        <Prose key={poolKey(pool)} text={`${poolName(pool)}: ${describeWork(work)}`} />
      ))}
      <BlankRow />
      <Heading>{`costliest statements, ${windowText(shown)}`}</Heading>
      {costliestStatements(shown.rows).map(row => (
        <Fragment key={row.key}>
          <Prose text={describeCost(row)} role="muted" />
          <Prose
            text={row.statement.query ?? `(${row.statement.queryid}: its text has not been read yet)`}
            indent={4}
          />
        </Fragment>
      ))}
    </Page>
  );
}

const none: readonly Change[] = [];

function describeGroup(group: BudgetGroup): string {
  const {application_name, usename, active, idle, idle_in_transaction} = group;
  const who = `${application_name || '(no name)'}, role ${usename}, client ${clientOf(group)}`;
  return isHidden(group)
    ? `${who}: hidden from this role, or track_activities is off`
    : `${who}: ${active} active, ${idle} idle, ${idle_in_transaction} idle in transaction`;
}

function describeCost(row: StatementRow): string {
  const {mean_exec_time_ms = null, calls_per_second = null} = row.figures ?? {};
  return `load ${loadText(row)}, mean ${formatMs(mean_exec_time_ms)}, ${formatCount(calls_per_second)} calls/s`;
}
