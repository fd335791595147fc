import {thresholds} from '../../core/health/thresholds.ts';
import type {Budget} from '../../model/snapshot.ts';
import {Measured} from './measured.tsx';
import {Text} from './text.tsx';
import {useTheme} from './theme-context.ts';

const {warning, critical} = thresholds.used_ratio;

/** `[█████░░░▒▒]`: slots used and free, and at the right the zone only reserved roles can enter. */
export function Gauge({budget}: {budget: Budget}) {
  const {used, usable, max_connections} = budget;
  return (
    <Measured
      name="gauge"
      height={1}
      aria-label={`${used} of ${usable} slots used, max_connections ${max_connections}`}
    >
      {({width}) => <Bar budget={budget} width={width - 2} />}
    </Measured>
  );
}

function Bar({budget: {used, usable, used_ratio, max_connections}, width}: {budget: Budget; width: number}) {
  const {full, empty, reserved} = useTheme().symbols;
  const inner = Math.max(1, width);
  const perSlot = inner / Math.max(1, max_connections);
  const usableCells = Math.round(usable * perSlot);
  const usedCells = Math.min(inner, Math.round(used * perSlot));
  return (
    <Text>
      [<Text role={gaugeRole(used_ratio)}>{full.repeat(Math.min(usedCells, usableCells))}</Text>
      <Text role="muted">{empty.repeat(Math.max(0, usableCells - usedCells))}</Text>
      <Text role="danger">{full.repeat(Math.max(0, usedCells - usableCells))}</Text>
      <Text role="reserved">{reserved.repeat(Math.max(0, inner - Math.max(usedCells, usableCells)))}</Text>]
    </Text>
  );
}

export function gaugeRole(usedRatio: number): 'good' | 'warning' | 'danger' {
  if (usedRatio >= critical) return 'danger';
  return usedRatio >= warning ? 'warning' : 'good';
}
