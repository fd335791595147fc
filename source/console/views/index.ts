import type {ViewId} from '../state/browsing.ts';
import journal from './journal.ts';
import locks from './locks.ts';
import overview from './overview.ts';
import recipes from './recipes.ts';
import sessions from './sessions.ts';
import statements from './statements.ts';
import type {View} from './view.ts';

/** In tab order. */
export const views: View[] = [overview, sessions, statements, locks, recipes, journal];

export function viewOf(id: ViewId): View {
  return views.find(view => view.id === id) ?? overview;
}
