import {memoize} from '../text/memoize.ts';
import {unquoteIdentifier} from './quote.ts';
import {type SqlToken, sqlTokens} from './tokens.ts';

/** A table or view as a statement writes it; without a schema, search_path decides which one it is. */
export type NamedRelation = {schema: string | null; name: string};

/** Characters of a statement; it may be megabytes long. */
const maxRead = 8000;

/**
 * The relations after FROM, JOIN, UPDATE and INTO. Not each one: of `FROM a, b` the first only, and no name without a schema where the
 * statement has a WITH, which may have made it.
 */
export const relationsIn = memoize((query: string): readonly NamedRelation[] => {
  const tokens = meaningful(query);
  const hasWith = tokens.some((token, at) => isWord(token, 'with') && !afterWith.has(lower(tokens[at + 1])));
  const found: NamedRelation[] = [];
  /** Of each open parenthesis, whether FROM in it is an argument's: `extract(year FROM placed_at)`. */
  const open: boolean[] = [];
  for (const [at, token] of tokens.entries()) {
    if (token.text === '(') open.push(functionsWithFrom.has(lower(tokens[at - 1])));
    else if (token.text === ')') open.pop();
    if (!isWord(token, ...introducing) || (open.at(-1) ?? false)) continue;
    if (notBefore.has(lower(tokens[at - 1]))) continue;
    const relation = relationAt(tokens, isWord(tokens[at + 1], 'only') ? at + 2 : at + 1);
    const isFunction = !isWord(token, 'into') && tokens[relation?.end ?? 0]?.text === '(';
    if (relation === null || isFunction || (relation.schema === null && hasWith)) continue;
    found.push({schema: relation.schema, name: relation.name});
  }
  return found;
}, 1000);

/** Of a text that begins with INSERT; the columns that it names, null where it names none, or its text is cut off. */
export const insertIn = memoize(
  (query: string): (NamedRelation & {columns: ReadonlySet<string> | null}) | null => {
    const tokens = meaningful(query);
    const relation = isWord(tokens[0], 'insert') && isWord(tokens[1], 'into') ? relationAt(tokens, 2) : null;
    if (relation === null) return null;
    const {schema, name, end: at} = relation;
    const end = tokens.findIndex(({text}, index) => index > at && text === ')');
    const words = tokens[at]?.text === '(' && end >= 0 ? tokens.slice(at + 1, end) : [];
    const isList = words.every((token, index) => (index % 2 === 0 ? isName(token) : token.text === ','));
    return {
      schema,
      name,
      columns: words.length === 0 || !isList ? null : new Set(words.map(({text}) => unquoteIdentifier(text))),
    };
  },
  1000,
);

const introducing = ['from', 'join', 'update', 'into'];
/** IS DISTINCT FROM, FOR [NO KEY] UPDATE, DO UPDATE. */
const notBefore = new Set(['distinct', 'for', 'key', 'do']);
const functionsWithFrom = new Set(['extract', 'trim', 'substring', 'overlay']);
/** `timestamp WITH TIME ZONE`, `WITH ORDINALITY`, `FETCH FIRST ... WITH TIES`. */
const afterWith = new Set(['time', 'ordinality', 'ties']);

function meaningful(query: string): SqlToken[] {
  return sqlTokens(query.slice(0, maxRead)).filter(({kind}) => kind !== 'space' && kind !== 'comment');
}

function relationAt(tokens: readonly SqlToken[], at: number): (NamedRelation & {end: number}) | null {
  const [first, point, second] = [tokens[at], tokens[at + 1], tokens[at + 2]];
  if (first === undefined || !isName(first)) return null;
  if (point?.text !== '.') return {schema: null, name: unquoteIdentifier(first.text), end: at + 1};
  if (second === undefined || !isName(second)) return null;
  return {schema: unquoteIdentifier(first.text), name: unquoteIdentifier(second.text), end: at + 3};
}

function isWord(token: SqlToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toLowerCase());
}

function lower(token: SqlToken | undefined): string {
  return token?.text.toLowerCase() ?? '';
}

function isName({kind}: SqlToken): boolean {
  return kind === 'word' || kind === 'quoted';
}
