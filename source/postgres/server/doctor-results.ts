import type {DoctorCheck, Target} from '../../model/target.ts';
import {grantNotes, serviceNames, suggestSetting} from './managed-service.ts';

/** How to fix what a check found. */
export type Fix = {remedy?: string | null; note?: string | null};

export function ok(id: string, detail: string, note: string | null = null): DoctorCheck {
  return {id, status: 'ok', detail, remedy: null, needs_restart: false, note};
}

export function missing(id: string, detail: string, {remedy = null, note = null}: Fix = {}): DoctorCheck {
  return {id, status: 'missing', detail, remedy, needs_restart: false, note};
}

export function advice(id: string, detail: string, {remedy = null, note = null}: Fix = {}): DoctorCheck {
  return {id, status: 'advice', detail, remedy, needs_restart: false, note};
}

export function setting(
  target: Target,
  id: string,
  change: {status: 'missing' | 'advice'; detail: string; name: string; value: string; needs_restart: boolean},
): DoctorCheck {
  const {status, detail, needs_restart} = change;
  const remedy = suggestSetting(target.managed_service, change);
  const note =
    target.managed_service === null
      ? null
      : `${serviceNames[target.managed_service]} does not allow ALTER SYSTEM.`;
  return {id, status, detail, remedy, needs_restart, note};
}

export function grantNote({managed_service}: Target): string | null {
  return managed_service === null ? null : grantNotes[managed_service];
}
