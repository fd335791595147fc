import type {Catalog} from './catalog.ts';
import type {Sql} from './step.ts';

/**
 * What recipes know beyond a snapshot. Dearer to read, so asked for by name: in the background once a minute where
 * a diagnosis rests on it (`Recipe.watches`), or right before planning (`Recipe.needs`). A member is there when it
 * was asked for and could be read.
 */
export type Facts = {
  catalog?: Catalog;
  /** Rows of a team's own queries, by the name they were asked under. */
  answers?: Record<string, Row[]>;
};

export type FactNeeds = {
  catalog?: true;
  answers?: Record<string, Sql>;
};

export type Row = Record<string, unknown>;
