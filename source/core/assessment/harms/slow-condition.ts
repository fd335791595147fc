import {type SqlToken, sqlTokens} from '../../sql/tokens.ts';

export type Condition = {text: string; why: string; index: string};

/** The first condition of a WHERE that no index on a plain column serves; null if there is none, or in doubt. */
export function unservedCondition(query: string): Condition | null {
  const tokens = sqlTokens(query.slice(0, maxRead)).filter(
    ({kind}) => kind !== 'space' && kind !== 'comment',
  );
  for (const at of termsOf(tokens)) {
    const condition = calledOn(tokens, at) ?? comparedBy(tokens, at);
    if (condition !== null) return condition;
  }
  return null;
}

/** Characters of a statement; it may be megabytes long. */
const maxRead = 8000;

/** Where each term of a WHERE begins: after WHERE, AND and OR, and the parentheses there. Not of `FILTER (WHERE`. */
function termsOf(tokens: readonly SqlToken[]): number[] {
  const terms: number[] = [];
  /** For each open parenthesis, whether its tokens belong to a WHERE. */
  const open = [false];
  let begins = false;
  for (const [at, {text}] of tokens.entries()) {
    const word = wordAt(tokens, at);
    const isFiltered = open.at(-1) ?? false;
    if (text === '(') open.push(isFiltered);
    else if (text === ')') open.pop();
    else if (word === 'where') open[open.length - 1] = wordAt(tokens, at - 2) !== 'filter';
    else if (otherClauses.has(word)) open[open.length - 1] = false;
    else if (begins && isFiltered) terms.push(at);
    begins = text === '(' ? begins : ['where', 'and', 'or'].includes(word);
  }
  return terms;
}

const otherClauses = new Set(
  'select set group order having limit offset fetch window union intersect except returning'.split(' '),
);

/** `lower(email)`, `date_trunc($1, created_at)`. */
function calledOn(tokens: readonly SqlToken[], at: number): Condition | null {
  const name = wordAt(tokens, at);
  if (!calls.has(name) || tokens[at + 1]?.text !== '(') return null;
  const isTrunc = name === 'date_trunc';
  if (isTrunc && tokens[at + 3]?.text !== ',') return null;
  const column = columnAt(tokens, at + (isTrunc ? 4 : 2));
  if (column === null || !/^(?:[),]|from|for)$/i.test(tokens[column.end]?.text ?? '')) return null;
  const text = `${name}(${isTrunc ? '..., ' : ''}${column.text})`;
  return {
    text,
    why: `The condition is on ${text}, which an index on ${column.name} does not serve.`,
    // Of a timestamptz they depend on the time zone: no index may be on them.
    index: name.startsWith('date')
      ? `compare ${column.name} itself with a range: an index on it serves that`
      : `CREATE INDEX CONCURRENTLY on the expression ${text}, or compare ${column.name} itself`,
  };
}

const calls = new Set(['lower', 'upper', 'date', 'date_trunc', 'coalesce', 'trim', 'md5', 'substring']);

/** `payload ->> $1`, `tags @> $1`, `"name"::text ILIKE $1`; no index serves NOT ILIKE. */
function comparedBy(tokens: readonly SqlToken[], at: number): Condition | null {
  const column = columnAt(tokens, at);
  if (column === null) return null;
  const {text, name, end} = column;
  const operator = (tokens[end]?.text ?? '').toUpperCase();
  if (/^(?:~~?\*?|I?LIKE)$/.test(operator))
    return {
      text: `${text} ${operator}`,
      why: `A btree index serves no ${operator} that begins with a wildcard or ignores case.`,
      index: `CREATE INDEX CONCURRENTLY ... USING gin (${name} gin_trgm_ops), from the extension pg_trgm`,
    };
  const filter = `the filter on ${text} ${operator}`;
  if (/^(?:->>?|#>>?)$/.test(operator))
    return {
      text: filter,
      why: `${text} is json: an index on the column serves @> and ? (GIN, jsonb), one on the expression serves ${operator}.`,
      index: `CREATE INDEX CONCURRENTLY on the expression, (${name} ${operator} ...), or ask with @> and a GIN index`,
    };
  if (operator === '@>')
    return {
      text: filter,
      why: `${text} is jsonb, an array or a range: a btree index does not serve @>.`,
      index: `CREATE INDEX CONCURRENTLY ... USING gin (${name}); of a range, USING gist`,
    };
  if (/^\?[|&]?$/.test(operator))
    return {
      text: filter,
      why: `A btree index does not serve ${operator}, a GIN index on the column does.`,
      index: `CREATE INDEX CONCURRENTLY ... USING gin (${name})`,
    };
  return null;
}

/** A column as written, its last name, and the token after it and its casts. */
type Column = {text: string; name: string; end: number};

function columnAt(tokens: readonly SqlToken[], from: number): Column | null {
  let end = from;
  while (isName(tokens[end]) && tokens[end + 1]?.text === '.') end += 2;
  const last = tokens[end];
  if (last === undefined || !isName(last)) return null;
  const written = tokens.slice(from, ++end);
  while (tokens[end]?.text === '::') {
    end += 2;
    for (const [opening, closing] of ['()', '[]'])
      if (tokens[end]?.text === opening) while (end < tokens.length && tokens[end++]?.text !== closing);
  }
  return {text: written.map(({text}) => text).join(''), name: last.text, end};
}

function isName(token: SqlToken | undefined): boolean {
  return token?.kind === 'quoted' || (token?.kind === 'word' && !keywords.has(token.text.toLowerCase()));
}

/** What may stand where a column may, and is none. */
const keywords = new Set(
  'all any array both case cast current_date current_time current_timestamp current_user date else end exists false from in interval is leading like ilike localtime localtimestamp not null or and row select session_user similar some then time timestamp timestamptz trailing true user when where'.split(
    ' ',
  ),
);

/** In lower case; '' if the token is no word. */
function wordAt(tokens: readonly SqlToken[], at: number): string {
  const token = tokens[at];
  return token?.kind === 'word' ? token.text.toLowerCase() : '';
}
