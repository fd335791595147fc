import type {ProtectedSessions} from '../model/target.ts';
import type {GivenLimits} from './health/health.ts';

/** What the user's configuration file says. */
export type Configuration = {
  file: string;
  targets: ReadonlyMap<string, ConfiguredTarget>;
  /** For every server, whether or not it is a target. */
  settings: TargetSettings;
};

export const environments = ['production', 'staging', 'development'] as const;

/** A target by its name. */
export type ConfiguredTarget = {
  environment: (typeof environments)[number] | null;
  url: UrlSource;
  /** The way in when every slot is taken. */
  rescue_url: UrlSource | null;
  /** Those for every server included. */
  settings: TargetSettings;
};

/** Where an address comes from: the file itself, a variable of the environment, or what a command prints. */
export type UrlSource = {kind: 'literal' | 'variable' | 'command'; text: string};

/** What bears on a server beyond the way there. */
export type TargetSettings = {
  /** Of `check`. */
  limits: GivenLimits;
  protected_sessions: ProtectedSessions;
  /** Folders of the team's own recipes. */
  recipe_folders: readonly string[];
};

export const noSettings: TargetSettings = {
  limits: {},
  protected_sessions: {roles: [], applications: []},
  recipe_folders: [],
};
