import type {Catalog} from '../../core/catalog.ts';
import {BugError} from '../../core/errors.ts';
import type {Connection} from '../connect.ts';

/** The catalog of the connected database, in one round trip. */
export async function readCatalog(_connection: Connection): Promise<Catalog> {
  throw new BugError('not written yet');
}
