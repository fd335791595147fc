import {Box} from 'ink';
import {timeOfDay, utcClock} from '../../core/text/clock.ts';
import {formatBytes, formatMs, formatVersion, newerThanKnown} from '../../core/text/format.ts';
import {textWidth} from '../screen/cell-width.ts';
import {fitText} from '../screen/line.ts';
import type {Past} from '../state/past.ts';
import {useConsole, useTheme} from './context.ts';
import {Text} from './text.tsx';

/** Environment, role, server, and how fresh: `poolctl staging oncall@db:5432/shop  PG 16.4   ● 2s 3.1ms 34K 14:03:20Z`. */
export function Header() {
  return (
    <Box height={1} flexShrink={0} justifyContent="space-between">
      <Server />
      <Box flexShrink={0}>
        <Freshness />
      </Box>
    </Box>
  );
}

function Server() {
  const {target, unwritable, address, environment, source} = useConsole(state => ({
    target: state.snapshot?.target ?? null,
    unwritable:
      state.assessment?.writable.ok === false ? (state.assessment.writable.reasons[0] ?? null) : null,
    address: state.address,
    environment: state.environment,
    source: state.source,
  }));
  return (
    <Text>
      <Text role="key">poolctl </Text>
      {/* As the flag, because a server may be read-only as well. */}
      {target?.read_only !== undefined && <Text role="accent">--read-only </Text>}
      {/* First, because a long address is cut at its end. */}
      {environment !== null && <Text role="accent">{environment} </Text>}
      {/* A standby is named beside its version. */}
      {unwritable !== null && target?.is_in_recovery === false && (
        <Text role="danger">{`${unwritable.split(':')[0]} `}</Text>
      )}
      {/* The address is from a file of the folder, not from the user. */}
      {source === '.env' && <Text role="warning">(.env) </Text>}
      <Text role="strong">{target ? `${target.user}@${target.id}` : address}</Text>
      {target && (
        <Text role="muted">
          {`  PG ${formatVersion(target.server_version_num)}${target.is_in_recovery ? ' standby' : ''}`}
        </Text>
      )}
      {target && <Text role="warning">{newerThanKnown(target.server_version_num)}</Text>}
      {source !== null && source !== '.env' && <Text role="muted">{` (${source})`}</Text>}
    </Text>
  );
}

/** The state of the connection, what a reading costs, and when the last one was. */
function Freshness() {
  const {columns, link, past, snapshot, isPaused, interval_ms, effective_interval_ms} = useConsole(state => ({
    columns: state.columns,
    link: state.link,
    past: state.past,
    snapshot: state.snapshot,
    isPaused: state.isPaused,
    interval_ms: state.interval_ms,
    effective_interval_ms: state.effective_interval_ms,
  }));
  const {symbols} = useTheme();
  if (past !== null) return <PastTime past={past} />;
  const clock = snapshot && timeOfDay(snapshot.at);
  if (link.kind === 'connecting')
    return <Text role="warning">{` ${symbols.stale} ${clock ? `stale ${clock}, ` : ''}connecting `}</Text>;
  if (link.kind === 'lost') {
    // All of 57P03 (PostmasterMain), which a server in English says: starting up, shutting down, in recovery mode.
    const refusing = /the database system is (.+?)$/m.exec(link.message)?.[1];
    const said = refusing === undefined ? link.message : `the server is ${refusing}`;
    const state = clock ? `stale ${clock} ${said}` : refusing === undefined ? 'not connected' : said;
    // The server keeps a third of the row.
    const most = Math.floor((columns * 2) / 3);
    const shown = textWidth(state) > most ? fitText(state, most) : state;
    return <Text role="danger">{` ${symbols.stale} ${shown} `}</Text>;
  }
  const cost = snapshot
    ? ` ${formatMs(snapshot.cost.round_trip_ms)} ${formatBytes(snapshot.cost.response_bytes)}`
    : '';
  const isSlowed = effective_interval_ms > interval_ms;
  return (
    <Text>
      {link.another_server !== null && <Text role="danger"> another server</Text>}
      {link.viaRescueUrl && <Text role="warning"> via rescue</Text>}
      {isPaused ? <Text role="warning"> paused </Text> : <Text role="good">{` ${symbols.live} `}</Text>}
      <Text role={isSlowed ? 'warning' : 'muted'}>
        {`${effective_interval_ms / 1000}s${isSlowed ? ' (slowed)' : ''}${cost} `}
      </Text>
      <Text role="muted">{clock ?? ''}</Text>
    </Text>
  );
}

/** `past  ▶ 10x  2026-11-21 14:03:20`. */
function PastTime({past: {now, isPlaying, speed, at_ms, outage}}: {past: Past}) {
  const {symbols} = useTheme();
  return (
    <Text>
      <Text role="warning">{now === null ? ' recording ' : ' past '}</Text>
      {isPlaying ? (
        <Text role="good">{`${symbols.live} playing ${speed}x `}</Text>
      ) : (
        <Text role="muted">{`stopped ${speed === 1 ? '' : `${speed}x `}`}</Text>
      )}
      {outage !== null && <Text role="danger">no snapshot </Text>}
      <Text role="strong">{utcClock(at_ms)}</Text>
    </Text>
  );
}
