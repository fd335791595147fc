import type {Row} from '../../core/facts.ts';
import type {Sql} from '../../core/step.ts';
import type {Connection} from '../connect.ts';

/** What the watching connection answers to queries that a team wrote: it is read-only, whatever they hold. */
export async function readAnswers(
  {client}: Connection,
  queries: Record<string, Sql>,
): Promise<Record<string, Row[]>> {
  const answers: Record<string, Row[]> = {};
  for (const [name, {text, values}] of Object.entries(queries)) {
    const {rows} = await client.query<Row>({text, values, queryMode: 'extended'});
    answers[name] = rows;
  }
  return answers;
}
