import {formatDialect, postgresql} from 'sql-formatter';

/** Longer statements take the formatter noticeable time: they are shown as they came. */
const longestFormatted = 20_000;

/** A statement broken into lines as people write SQL; as it came when it is no SQL the formatter reads. */
export function formatSql(query: string): string[] {
  if (query.length > longestFormatted) return query.split('\n');
  try {
    return formatDialect(query, {dialect: postgresql, keywordCase: 'preserve', expressionWidth: 70}).split(
      '\n',
    );
  } catch {
    return query.split('\n');
  }
}
