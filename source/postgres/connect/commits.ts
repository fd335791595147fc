import type {RawPgClient} from './client.ts';
import type {ConnectionRequest} from './request.ts';

type Address = Pick<ConnectionRequest, 'host' | 'port' | 'database'>;

const keyOf = ({host, port, database}: Address) => `${host}:${port}/${database}`;

/** By address: of all connections of this process, those that executed plans among them. */
const commits = new Map<string, number>();

/** How many transactions poolctl has committed in a database, as far as the server has answered. */
export function commitsIn(address: Address): number {
  return commits.get(keyOf(address)) ?? 0;
}

/** Counts those of a connected client: each answer outside of a transaction ends one, unless it was an error or a ROLLBACK. */
export function countCommits({connection}: RawPgClient, address: Address): void {
  const key = keyOf(address);
  const add = () => commits.set(key, (commits.get(key) ?? 0) + 1);
  let isRolledBack = false;
  // Logging in is a transaction of its own.
  add();
  connection.on('errorMessage', () => {
    isRolledBack = true;
  });
  connection.on('commandComplete', ({text}: {text: string}) => {
    if (text === 'ROLLBACK') isRolledBack = true;
  });
  connection.on('readyForQuery', ({status}: {status: string}) => {
    if (status === 'I' && !isRolledBack) add();
    // ROLLBACK TO a savepoint is answered like ROLLBACK, and the transaction goes on.
    if (status !== 'E') isRolledBack = false;
  });
}
