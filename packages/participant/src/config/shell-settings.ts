// pure: the settings of the shell, with the names and defaults of BitDrizzle's settings file (BD-08, BD-12, BD-21, BD-22).
import { NODE_SETTINGS } from './node-settings.ts';
import { countValue, defineSettings, type Setting, textValue } from './settings.ts';

/** Each node of `MM` is a process of about 90 MB. */
export const SHELL_NODES_MAX = 24;
/** A piece that is shorter would be more record than content; one that is longer does not fit a record. */
export const SHELL_PIECE_BYTES_MIN = 64;
export const SHELL_PIECE_BYTES_MAX = 896;

type ShellSettingTable = {
  readonly 'net-size': Setting<number>;
  readonly 'test-file': Setting<string>;
  readonly 'test-key': Setting<string>;
  readonly 'piece-size': Setting<number>;
};

export const SHELL_SETTINGS: ShellSettingTable = defineSettings({
  'net-size': { schema: countValue(1, SHELL_NODES_MAX), default: 2, argument: 'N', help: 'nodes that MM of the shell starts' },
  'test-file': { schema: textValue(4096), default: 'test_file.txt', argument: 'PATH', help: 'file that W of the shell writes by default' },
  'test-key': { schema: textValue(256), default: 'test_key', argument: 'KEY', help: 'key that R and D of the shell take by default' },
  'piece-size': {
    schema: countValue(SHELL_PIECE_BYTES_MIN, SHELL_PIECE_BYTES_MAX),
    default: 256,
    argument: 'N',
    help: 'bytes of a piece that W of the shell cuts by default',
  },
});

/** Everything that a config file may set. */
export const KEPT_SETTINGS: typeof NODE_SETTINGS & ShellSettingTable = { ...NODE_SETTINGS, ...SHELL_SETTINGS };
