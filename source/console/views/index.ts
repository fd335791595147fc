import type {ViewId} from '../state/browsing.ts';
import changes from './changes.tsx';
import journal from './journal.tsx';
import locks from './locks.tsx';
import overview from './overview.tsx';
import pools from './pools.tsx';
import recipes from './recipes.tsx';
import scan from './scan.tsx';
import server from './server.tsx';
import sessions from './sessions.tsx';
import statements from './statements.tsx';
import type {View} from './view.ts';
import waits from './waits.tsx';

/** In tab order. */
export const views: View[] = [
  overview,
  sessions,
  statements,
  locks,
  recipes,
  journal,
  changes,
  pools,
  waits,
  server,
  scan,
];

export function viewOf(id: ViewId): View {
  return views.find(view => view.id === id) ?? overview;
}

export function viewWithKey(key: string): ViewId {
  return views.find(view => view.key === key)?.id ?? 'overview';
}
