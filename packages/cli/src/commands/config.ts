// driven: `batchain config`: the kept settings of the node: shows them with their origin, and changes one.
import { resolve } from 'node:path';
import {
  changeConfigFile,
  defineSettings,
  environmentName,
  KEPT_SETTINGS,
  LocalApiClient,
  type Origin,
  readConfigFile,
  resolveSettings,
  type Setting,
  type SettingTable,
  switchValue,
} from '@batchain/participant/client';
import { minute } from '@batchain/shared';
import { nearestWord, usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { homeFlag } from '../daemon-access.ts';
import { printable } from '../output/printable.ts';
import { settingText } from '../output/setting-text.ts';
import { formatTable } from '../output/table.ts';

const OPTIONS = defineSettings({
  origin: { schema: switchValue, default: false, help: 'show where each value comes from: environment, file, default' },
});
type Context = CommandContext<typeof OPTIONS>;
type Key = keyof typeof KEPT_SETTINGS;

const ACTIONS = ['list', 'get', 'set', 'path'] as const;
/** Words that each action takes behind itself. */
const WORDS: Readonly<Record<(typeof ACTIONS)[number], readonly string[]>> = { list: [], get: ['KEY'], set: ['KEY', 'VALUE'], path: [] };

interface Row {
  readonly key: Key;
  readonly value: unknown;
  readonly origin: Origin;
}

function rows({ io, paths }: Context): Row[] {
  const sources = { env: io.env, file: readConfigFile(paths.configFile), filePath: paths.configFile };
  const { values, origins } = resolveSettings(KEPT_SETTINGS, sources);
  return (Object.keys(KEPT_SETTINGS) as Key[]).map((key) => ({ key, value: values[key] ?? null, origin: origins[key] }));
}

function keyOf(word: string): Key {
  if (Object.hasOwn(KEPT_SETTINGS, word)) return word as Key;
  const near = nearestWord(word, Object.keys(KEPT_SETTINGS));
  throw usageError(
    `${JSON.stringify(word)} is no setting`,
    near === undefined ? `they are: ${Object.keys(KEPT_SETTINGS).join(', ')}` : `did you mean ${near}?`,
    'config',
  );
}

/** What the file keeps and what it means: sizes as they were typed, because `50GiB` can be read; all else as its own type. */
function valuesOf({ io }: Context, key: Key, word: string): { readonly kept: unknown; readonly value: unknown } {
  const setting: Setting = (KEPT_SETTINGS as SettingTable)[key] as Setting;
  const parsed = setting.schema.safeParse(word);
  if (!parsed.success)
    throw usageError(
      `${key}: ${JSON.stringify(word)} can not be used`,
      parsed.error.issues.map(({ message }) => message).join('; '),
      'config',
    );
  if (setting.argument === 'PATH') return { kept: resolve(io.cwd, word), value: resolve(io.cwd, word) };
  return { kept: setting.argument === 'SIZE' && !/^\d+$/.test(word) ? word : parsed.data, value: parsed.data };
}

function listed({ options, output, paths }: Context, all: readonly Row[]): CommandOutcome {
  const { isAscii, width } = output.out;
  const cells = all.map(({ key, value, origin }) => {
    const text = printable(settingText(key, value ?? undefined), isAscii) || '-';
    return options.origin ? [key, text, origin] : [key, text];
  });
  const columns = [{ title: 'SETTING' }, { title: 'VALUE', isFlexible: true }, ...(options.origin ? [{ title: 'FROM' }] : [])];
  return { json: { path: paths.configFile, settings: all }, text: formatTable(columns, cells, width) };
}

async function set(context: Context, key: Key, word: string): Promise<CommandOutcome> {
  const { paths, runtime, output, io, signal } = context;
  const { kept, value } = valuesOf(context, key, word);
  changeConfigFile(paths.configFile, { [key]: kept }, runtime.entropy);
  const variable = environmentName(key);
  if ((io.env[variable] ?? '') !== '') output.warn(`${variable} is set and comes before the file`);
  const isRunning = await new LocalApiClient(paths.controlPath).isRunning({ signal });
  const flag = homeFlag(context);
  const next = isRunning ? [`The running node takes it at its next start: batchain stop${flag} && batchain start${flag}`] : [];
  return {
    json: { key, value, path: paths.configFile },
    text: [`${key} = ${printable(settingText(key, value), output.out.isAscii)}`, ...next],
  };
}

async function runConfig(context: Context): Promise<CommandOutcome> {
  const { words, paths, output } = context;
  const [action = 'list', ...rest] = words as [(typeof ACTIONS)[number] | undefined, ...string[]];
  if (!ACTIONS.includes(action)) {
    const near = nearestWord(action, ACTIONS);
    throw usageError(
      `config has no ${JSON.stringify(action)}`,
      near === undefined ? `it has ${ACTIONS.join(', ')}` : `did you mean ${near}?`,
      'config',
    );
  }
  const wanted = WORDS[action];
  if (rest.length !== wanted.length)
    throw usageError(
      `config ${action} takes ${wanted.length === 0 ? 'nothing' : wanted.join(' and ')}`,
      `usage: batchain config ${[action, ...wanted].join(' ')}`,
      'config',
    );
  if (action === 'path') return { json: { path: paths.configFile }, text: [printable(paths.configFile, output.out.isAscii)] };
  if (action === 'list') return listed(context, rows(context));
  const key = keyOf(rest[0] ?? '');
  if (action === 'set') return set(context, key, rest[1] ?? '');
  const row = rows(context).find((one) => one.key === key) as Row;
  return { json: { ...row }, text: [printable(settingText(key, row.value ?? undefined), output.out.isAscii)] };
}

export const configCommand = defineCommand({
  name: 'config',
  summary: 'the settings that are kept for this node: show or change them',
  positionals: [
    { name: 'list|get|set|path', isRequired: false },
    { name: 'KEY', isRequired: false },
    { name: 'VALUE', isRequired: false },
  ],
  options: OPTIONS,
  examples: [
    ['batchain config list --origin', 'all settings, and where each value comes from'],
    ['batchain config set offer 50GiB', 'kept for every start from now on'],
    ['batchain config get offer', 'one value'],
    ['batchain config path', 'the file, to edit by hand'],
  ],
  timeoutMs: 1 * minute,
  run: runConfig,
});
