// driven: the options that every command takes.
import {
  defineSettings,
  durationValue,
  LOG_LEVELS,
  optional,
  type SettingValues,
  switchValue,
  textValue,
  wordValue,
} from '@batchain/participant/client';
import { PROGRESS_MODES } from './output/progress-text.ts';

const pathValue = textValue(4096);

export const GLOBAL_OPTIONS = defineSettings({
  home: { schema: optional(pathValue), default: undefined, argument: 'DIR', help: 'all state of one participant under this directory' },
  config: { schema: optional(pathValue), default: undefined, argument: 'PATH', help: 'config file instead of the one of the home' },
  json: { schema: switchValue, default: false, help: 'one JSON object per line; the last is a result or an error' },
  quiet: { schema: switchValue, default: false, help: 'errors and exit codes only' },
  verbose: { schema: switchValue, default: false, help: 'more detail' },
  color: { schema: wordValue(['auto', 'always', 'never']), default: 'auto', argument: 'WHEN', help: 'auto, always, never; NO_COLOR wins' },
  ascii: { schema: switchValue, default: false, help: 'no characters outside ASCII' },
  progress: { schema: wordValue(PROGRESS_MODES), default: 'auto', argument: 'HOW', help: PROGRESS_MODES.join(', ') },
  timeout: { schema: optional(durationValue), default: undefined, argument: 'DURATION', help: 'give up after this time (30s, 1h30m)' },
  yes: { schema: switchValue, default: false, help: 'answer every question with yes' },
  'no-input': { schema: switchValue, default: false, help: 'never ask; take defaults' },
  'log-level': { schema: optional(wordValue(LOG_LEVELS)), default: undefined, argument: 'LEVEL', help: LOG_LEVELS.join(', ') },
  debug: { schema: switchValue, default: false, help: 'show stack traces' },
});

export type GlobalOptions = SettingValues<typeof GLOBAL_OPTIONS>;

/** One-letter twins. The seeds' letters a d h l o p q s u v V mean the same everywhere. */
export const SHORT_FLAGS: Readonly<Record<string, string>> = { quiet: 'q', verbose: 'v', help: 'h', version: 'V', output: 'o' };
