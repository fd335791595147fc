/** The demo's current day: its rows are dated before it. */
export const today = new Date('2025-10-27T00:00:00Z');

export const levels = [
  'beginner',
  'letter',
  'word',
  'paragraph',
  'story',
  'comprehension1',
  'comprehension2',
];

export const cycles = ['baseline', 'midline', 'endline'] as const;

/** The first day of the month that lies `months` before the demo's day. */
export function monthsBefore(months: number): Date {
  return new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - months, 1));
}
