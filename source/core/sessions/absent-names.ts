import type {Backend} from '../../model/snapshot.ts';
import {didYouMean} from '../text/nearest.ts';
import type {SessionCriteria} from './session-parameters.ts';

type Name = 'role' | 'application' | 'database';

/** Names that no session bears: a slip must not read as an all-clear, and neither must a session that is gone. */
export function absentNames(backends: readonly Backend[], criteria: Pick<SessionCriteria, Name>): string[] {
  return (['role', 'application', 'database'] as const).flatMap(by => {
    const name = criteria[by];
    return name === null || namesOf(backends, by).includes(name) ? [] : [absence(by, name, backends)];
  });
}

/** `No session of role shop_ap now: did you mean "shop_app"?` */
export function absence(by: string, name: string, backends: readonly Backend[]): string {
  const near = didYouMean(name, namesOf(backends, by).filter(Boolean));
  return `No session of ${by} ${name || '""'} now${near || '.'}`;
}

function namesOf(backends: readonly Backend[], by: string): string[] {
  const names = backends.map(({usename, application_name, datname}) =>
    by === 'role' ? usename : by === 'database' ? datname : application_name,
  );
  return [...new Set(names.map(name => name ?? ''))];
}
