import {thresholds} from '../../core/health/thresholds.ts';
import type {Budget} from '../../model/snapshot.ts';
import {type Line, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';

const {warning, critical} = thresholds.used_ratio;

/** `[█████░░░▒▒]`: slots used and free, and at the right the zone only reserved roles can enter. */
export function drawGauge(budget: Budget, width: number, theme: Theme): Line {
  const inner = Math.max(1, width - 2);
  const perSlot = inner / Math.max(1, budget.max_connections);
  const usableCells = Math.round(budget.usable * perSlot);
  const usedCells = Math.min(inner, Math.round(budget.used * perSlot));
  const {full, empty, reserved} = theme.symbols;
  return {
    spans: [
      span('['),
      span(full.repeat(Math.min(usedCells, usableCells)), gaugeRole(budget.used_ratio)),
      span(empty.repeat(Math.max(0, usableCells - usedCells)), 'muted'),
      span(full.repeat(Math.max(0, usedCells - usableCells)), 'danger'),
      span(reserved.repeat(Math.max(0, inner - Math.max(usedCells, usableCells))), 'reserved'),
      span(']'),
    ],
  };
}

export function gaugeRole(usedRatio: number): 'good' | 'warning' | 'danger' {
  if (usedRatio >= critical) return 'danger';
  return usedRatio >= warning ? 'warning' : 'good';
}
