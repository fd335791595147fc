import {expect, it, vi} from 'vitest';
import {explainServerErrors} from '../../source/cli/connection.ts';
import type {Connection} from '../../source/postgres/connect/connect.ts';

function connectionWith(lost: Promise<Error>): Connection {
  return {lost, is_pooled: false, request: {host: 'db.example', port: 5432}} as Connection;
}

it('listens to a connection once, however often it is read from: what listens stays in memory as long as it', async () => {
  const lost = new Promise<Error>(() => {});
  const then = vi.spyOn(lost, 'then');
  for (let reading = 0; reading < 20; reading++)
    expect(await explainServerErrors(connectionWith(lost), Promise.resolve(reading))).toBe(reading);
  expect(then).toHaveBeenCalledTimes(1);
});

it('says that the connection is lost, also where it was before and nothing answers', async () => {
  const connection = connectionWith(Promise.resolve(new Error('Connection terminated')));
  for (let reading = 0; reading < 2; reading++)
    await expect(explainServerErrors(connection, new Promise(() => {}))).rejects.toThrow(
      'lost the connection to db.example:5432: Connection terminated',
    );
});
