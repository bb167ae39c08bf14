// pure: what the verbs of the shell are given, and what they answer.
import type { Clock, Random } from '@batchain/shared';
import type { Style } from '../output/style.ts';
import type { MultiMode } from './multi-mode.ts';
import type { RecentKeys } from './recent-keys.ts';
import type { ShellApi } from './shell-api.ts';
import type { ShellDefaults } from './shell-verbs.ts';

export interface VerbTools {
  readonly api: ShellApi;
  readonly clock: Clock;
  /** Random bytes of `test`. */
  readonly entropy: Random;
  readonly style: Style;
  /** Paths of verbs are relative to it. */
  readonly cwd: string;
  readonly controlPath: string;
  readonly defaults: ShellDefaults;
  readonly multi: MultiMode;
  readonly keys: RecentKeys;
  readonly entry: EntryNode;
  /** True when something listens at this TCP address, HOST:PORT. */
  readonly accepts: (address: string, signal: AbortSignal) => Promise<boolean>;
  /** Aborts on Ctrl-C and at the verb's deadline. */
  readonly signal: AbortSignal;
}

/** The kad address that `JN` joins through. */
export interface EntryNode {
  address: string | undefined;
}

/** What a verb that was carried out answers. */
export interface VerbAnswer {
  /** Beside `verb` and `ok` in the JSON line. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Lines for people; control characters are made visible later. */
  readonly text: readonly string[];
}
