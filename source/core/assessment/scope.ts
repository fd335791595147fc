import type {AssessmentFacts} from '../../model/assessment.ts';
import type {Snapshot} from '../../model/snapshot.ts';

/** What the assessment looked at, by what could be read. */
export function lookedAt({unavailable}: Snapshot, facts: AssessmentFacts): string[] {
  const isRead = (section: string) => !unavailable.some(each => each.section === section);
  return [
    ...(isRead('activity') ? ['lock waits', 'pools', 'open transactions'] : []),
    'connection slots',
    ...(isRead('databases') ? ['rollbacks'] : []),
    ...(isRead('statements') ? ['statements'] : []),
    ...(facts.maintenance ? ['table statistics', 'what holds back vacuum'] : []),
    ...(facts.foreign_keys ? ['indexes of foreign keys'] : []),
    ...(facts.server_settings ? ['settings of the server'] : []),
    ...(facts.setting_overrides ? ['settings of roles and databases'] : []),
    ...(facts.write_state ? ['whether the server takes writes'] : []),
    ...(facts.sequences ? ['sequences'] : []),
    ...(facts.replication ? ['replication'] : []),
  ];
}

/** What no server shows, and what this role may not see. */
export function cannotSee({unavailable}: Snapshot): string[] {
  return [
    // The queue is in the application; a failed statement is not counted (pg_stat_statements counts at its end).
    "an application's queue for its pool",
    'errors of statements',
    ...unavailable.map(({section}) => section),
  ];
}
