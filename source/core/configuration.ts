import type {ProtectedSessions} from '../model/target.ts';
import type {ApplicationCheck} from './health/applications.ts';
import type {GivenLimits} from './health/health.ts';

/** The user's config.toml. */
export type Configuration = {
  file: string;
  targets: ReadonlyMap<string, ConfiguredTarget>;
  /** Settings for every server, whether or not it is a target. */
  settings: TargetSettings;
};

export const environments = ['production', 'staging', 'development'] as const;

/** The console's colours: `auto` can be read on any background, `solarized` takes the terminal's own palette. */
export const themes = ['auto', 'dark', 'light', 'solarized', 'none'] as const;

export type ThemeName = (typeof themes)[number];

/** A named target. */
export type ConfiguredTarget = {
  environment: (typeof environments)[number] | null;
  url: UrlSource;
  /** Used when every connection slot is taken. */
  rescue_url: UrlSource | null;
  /** PgBouncer's admin console in front of the server. */
  pooler_url: UrlSource | null;
  /** Including those for every server. */
  settings: TargetSettings;
};

/** The source of an address: the file itself, an environment variable, or a command's output. */
export type UrlSource = {kind: 'literal' | 'variable' | 'command'; text: string};

/** Per-target settings except the address. */
export type TargetSettings = {
  /** Limits of `check`. */
  limits: GivenLimits;
  /** Those of single applications. */
  applications: readonly ApplicationCheck[];
  protected_sessions: ProtectedSessions;
  /** Folders with team recipes. */
  recipe_folders: readonly string[];
  /** poolctl refuses every act; absent where the file does not say. */
  read_only?: boolean;
  /** The folder of the application's source; absent where the file names none. */
  source?: string;
  /** The server's processor cores; absent where the file does not say. */
  cores?: number;
  /** Absent where the file names none. */
  theme?: ThemeName;
};

export const noSettings: TargetSettings = {
  limits: {},
  applications: [],
  protected_sessions: {roles: [], applications: []},
  recipe_folders: [],
};
