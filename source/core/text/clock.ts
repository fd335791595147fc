const dayLength = '2026-11-21 '.length;

/** A time for people, always with its zone. */
export type Clock = (at: number | string) => string;

/** `2026-11-21 14:03:20Z`. */
export const utcClock: Clock = at => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`;

/** `14:03:20Z`. */
export const timeOfDay: Clock = at => utcClock(at).slice(dayLength);

/**
 * Times of a period, in UTC and in an IANA time zone beside it: `14:03:20Z (15:03:20+01:00)`; with the date if the period is of
 * several days or the date differs. Without a second time if that zone has UTC's. Throws RangeError for an unknown zone.
 */
export function createClock({
  from_ms,
  to_ms,
  time_zone,
}: {
  from_ms: number;
  to_ms: number;
  time_zone: string;
}): Clock {
  const local = localFormat(time_zone);
  const isOneDay = dayOf(utcClock(from_ms)) === dayOf(utcClock(to_ms));
  return at => {
    const utc = utcClock(at);
    const beside = local(at);
    const isSameDay = dayOf(beside) === dayOf(utc);
    const shown = isOneDay ? utc.slice(dayLength) : utc;
    if (beside.endsWith('+00:00')) return shown;
    return `${shown} (${isSameDay ? beside.slice(dayLength) : beside})`;
  };
}

function dayOf(time: string): string {
  return time.slice(0, dayLength);
}

/** `2026-11-21 15:03:20+01:00`. */
function localFormat(timeZone: string): Clock {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{timeZone, timeZoneName: 'longOffset', hourCycle: 'h23'},
    ...{
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    },
  });
  return at => {
    const {year, month, day, hour, minute, second, timeZoneName} = Object.fromEntries(
      format.formatToParts(new Date(at)).map(({type, value}) => [type, value]),
    );
    const offset = timeZoneName?.replace('GMT', '') || '+00:00';
    return `${year}-${month}-${day} ${hour}:${minute}:${second}${offset}`;
  };
}
