import {connect} from '../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../source/postgres/executor/executor.ts';
import type {Acting} from '../cli/execution/acting.ts';
import {requestTo} from '../postgres/requests.ts';
import type {TestServer} from './server.ts';

/** Calls `happens` right before a statement that begins with `statement` is sent, after the step's guard has passed. */
export function beforeStatement(
  acting: Acting,
  server: TestServer,
  statement: string,
  happens: () => Promise<void>,
): void {
  acting.ports.engine.executor = createExecutor(async () => {
    const connection = await connect(requestTo(server.url()), {purpose: 'act'});
    const send = connection.client.query.bind(connection.client) as (query: {text: string}) => Promise<never>;
    const query = async (each: {text: string}) => {
      if (each.text.startsWith(statement)) await happens();
      return send(each);
    };
    return {...connection, client: Object.assign(Object.create(connection.client), {query})};
  });
}
