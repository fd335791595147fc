/** A timestamptz as the server writes it under DateStyle ISO, as ISO 8601 UTC with microseconds. */
export function isoTime(text: string | null): string | null {
  if (text === null) return null;
  const parts = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text);
  if (parts !== null) return `${parts[1]}T${parts[2]}.${(parts[3] ?? '').padEnd(6, '0')}Z`;
  // Behind a pooler the session's time zone is not ours. What cannot be read stays as it is.
  const date = new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}
