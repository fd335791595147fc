import type {ServerState} from '../../../model/server-state.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {autovacuum} from './autovacuum.ts';
import {checkpoints} from './checkpoints.ts';
import {errors} from './errors.ts';
import {horizon} from './horizon.ts';
import {host} from './host.ts';
import {io} from './io.ts';
import {locks} from './locks.ts';
import {progress} from './progress.ts';
import {replication} from './replication.ts';
import {sequences} from './sequences.ts';
import type {Seen, Topic, TopicRow} from './topic.ts';
import {wal} from './wal.ts';
import {wraparound} from './wraparound.ts';

/** In the order of the Server view. A topic is a file here and a line in this list. */
const topics: readonly Topic[] = [
  horizon,
  wraparound,
  autovacuum,
  replication,
  wal,
  checkpoints,
  io,
  locks,
  host,
  progress,
  sequences,
  errors,
];

export type ServerRow = TopicRow & {topic: string};

/** The lines of every topic; a topic whose parts were not read says so. `absent`: why a part without an error is missing. */
export function serverRows(seen: Seen, absent: string): ServerRow[] {
  const {state, snapshot} = seen;
  return topics.flatMap(({name, reads, rows}) => {
    const missing = reads.filter(part => state[part] === undefined);
    const own =
      missing.length === 0
        ? rows(state as Required<ServerState>, snapshot)
        : [unreadRow(missing, seen, absent)];
    return own.map(row => ({...row, topic: name, id: `${name} ${row.id}`}));
  });
}

function unreadRow(missing: readonly (keyof ServerState)[], {snapshot}: Seen, absent: string): TopicRow {
  const text = whyUnread(missing, snapshot) ?? absent;
  return {
    id: 'unread',
    verdict: 'unknown',
    text,
    page: () => [{heading: 'not read', text: [text]}],
  };
}

function whyUnread(missing: readonly (keyof ServerState)[], {unavailable}: Snapshot): string | null {
  const failed = unavailable.find(({section}) => missing.some(part => section === `server.${part}`));
  return failed === undefined ? null : `${failed.reason}. ${failed.remedy}`;
}
