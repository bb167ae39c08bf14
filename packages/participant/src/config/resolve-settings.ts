// pure: one value per setting out of flags, environment, file and defaults, in this order, with where each came from.
import { BatChainError } from '@batchain/shared';
import type { SettingTable, SettingValues } from './settings.ts';

export type Origin = 'flag' | 'environment' | 'file' | 'default';

export interface SettingSources {
  /** By key, as parsed from the command line. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly file?: Readonly<Record<string, unknown>>;
  /** Named in error messages. */
  readonly filePath?: string;
}

export interface ResolvedSettings<T extends SettingTable> {
  readonly values: SettingValues<T>;
  readonly origins: { readonly [K in keyof T]: Origin };
}

/** `max-peers` -> `BATCHAIN_MAX_PEERS`. */
export function environmentName(key: string): string {
  return `BATCHAIN_${key.toUpperCase().replaceAll('-', '_')}`;
}

function findValue(key: string, sources: SettingSources): { readonly origin: Origin; readonly value: unknown; readonly place: string } {
  const flag = sources.flags?.[key];
  if (flag !== undefined) return { origin: 'flag', value: flag, place: `--${key}` };
  const variable = environmentName(key);
  const env = sources.env?.[variable];
  if (env !== undefined && env !== '') return { origin: 'environment', value: env, place: variable };
  const file = sources.file?.[key];
  if (file !== undefined) return { origin: 'file', value: file, place: `${key} in ${sources.filePath ?? 'config.toml'}` };
  return { origin: 'default', value: undefined, place: key };
}

/** What was given several times stands side by side, as it was typed. */
const shown = (value: unknown): string => (Array.isArray(value) ? value.map(shown).join(', ') : (JSON.stringify(value) ?? String(value)));

/** Throws BAT_E_USAGE (flag), BAT_E_CONFIG (environment, file) with the place of the wrong value. */
export function resolveSettings<T extends SettingTable>(table: T, sources: SettingSources): ResolvedSettings<T> {
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const [key, setting] of Object.entries(table)) {
    const { origin, value, place } = findValue(key, sources);
    origins[key] = origin;
    if (origin === 'default') {
      values[key] = setting.default;
      continue;
    }
    const result = setting.schema.safeParse(value);
    if (!result.success) {
      throw new BatChainError(origin === 'flag' ? 'BAT_E_USAGE' : 'BAT_E_CONFIG', {
        what: `${place}: ${shown(value)} can not be used`,
        why: result.error.issues.map((issue) => issue.message).join('; '),
        ...(origin === 'file' && sources.filePath !== undefined ? { fix: `edit ${sources.filePath}` } : {}),
        details: { key, origin },
      });
    }
    values[key] = result.data;
  }
  return { values: values as SettingValues<T>, origins: origins as ResolvedSettings<T>['origins'] };
}
