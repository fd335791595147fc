import {formatDialect, postgresql} from 'sql-formatter';

/** Longer statements are shown unformatted: the formatter would be slow. */
const longestFormatted = 20_000;

/** The lines of a formatted statement; unformatted where the formatter cannot read it. */
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
