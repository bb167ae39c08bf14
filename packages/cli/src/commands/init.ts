// driven: `batchain init`: makes the identity and the settings of this computer.
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import {
  defineSettings,
  formatSize,
  initHome,
  NODE_SETTINGS,
  parseSize,
  readConfigFile,
  resolveSettings,
  sizeWord,
} from '@batchain/participant/client';
import { BatChainError, GiB, hour, MiB, toHex } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { hasHome, homeFlag } from '../daemon-access.ts';
import { printable } from '../output/printable.ts';
import { settingText } from '../output/setting-text.ts';
import { shellWord } from '../output/shell-word.ts';
import { ask, canAsk } from '../prompt.ts';

const OPTIONS = defineSettings({ name: NODE_SETTINGS.name, offer: NODE_SETTINGS.offer });
type Context = CommandContext<typeof OPTIONS>;

/** Free bytes of the disk that will hold the home. */
async function freeBytes(path: string): Promise<number> {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function askOffer(context: Context, offer: number): Promise<number> {
  const free = formatSize(await freeBytes(context.paths.home));
  for (;;) {
    const answer = await ask(context, `How much disk to offer (${free} free) [${formatSize(offer)}]: `);
    const bytes = answer === '' ? offer : parseSize(answer);
    if (bytes !== undefined) return bytes;
    context.output.say(`${printable(answer)} is no size; 50GiB, 50GB, 50g and 0 are.`);
  }
}

/** Less than this holds no shard of a usual file. */
const OFFER_USEFUL_BYTES: number = 1 * MiB;

/** An offer may be larger than the disk, or next to nothing: allowed, and hardly meant. */
async function warnOfOffer(context: Context, offer: number): Promise<void> {
  const { output, paths } = context;
  const flag = homeFlag(context);
  const free = await freeBytes(paths.home);
  const change = (bytes: number): string => `batchain config set offer ${sizeWord(bytes)}${flag}`;
  if (offer > free) {
    const half = Math.max(1, Math.floor(free / 2 / GiB)) * GiB;
    output.warn(`the offer of ${formatSize(offer)} is more than the ${formatSize(free)} that are free`, {
      why: 'hosts stop taking shards when the disk is nearly full, whatever they offer',
      fix: change(half),
    });
  } else if (offer > 0 && offer < OFFER_USEFUL_BYTES) {
    output.warn(`an offer of ${formatSize(offer)} holds hardly a shard`, {
      why: 'a size without a unit counts bytes',
      fix: change(20 * GiB),
    });
  }
}

/** Says what is there and how to change it: a home is set up once. */
function homeExists(context: Context): BatChainError {
  const { paths, options, origins } = context;
  const flag = homeFlag(context);
  const given = (['name', 'offer'] as const).filter((key) => origins[key] === 'flag');
  const sets = given.map((key) => `batchain config set ${key} ${shellWord(settingText(key, options[key]))}${flag}`);
  const { name, offer } = resolveSettings(OPTIONS, { file: readConfigFile(paths.configFile), filePath: paths.configFile }).values;
  return new BatChainError('BAT_E_HOME_EXISTS', {
    what: `${paths.home} is set up already: ${name === undefined ? '' : `name ${name}, `}offer ${formatSize(offer)}`,
    why: 'init never changes a home that exists',
    fix:
      sets.length > 0
        ? sets.join(' && ')
        : `batchain start${flag}; to change a setting: batchain config set offer ${sizeWord(offer)}${flag}`,
  });
}

async function runInit(context: Context): Promise<CommandOutcome> {
  const { options, paths, output, runtime } = context;
  if (hasHome(paths)) throw homeExists(context);
  let name = options.name ?? hostname();
  let { offer } = options;
  if (canAsk(context)) {
    name = (await ask(context, `Name of this computer [${printable(name)}]: `)) || name;
    offer = await askOffer(context, offer);
  }
  await warnOfOffer(context, offer);
  const keys = initHome(paths, { name: name.slice(0, 64), offer }, runtime.entropy);
  const nodeId = toHex(keys.nodeId);
  return {
    json: { nodeId, home: paths.home, name, offer: { bytes: offer } },
    text: [
      `Done. Peer ID ${nodeId.slice(0, 16)}, ${offer === 0 ? 'nothing offered' : `${formatSize(offer)} offered`}.`,
      `  home       ${printable(paths.home, output.out.isAscii)}`,
      `  settings   ${printable(paths.configFile, output.out.isAscii)}`,
      `Keep ${printable(paths.identityFile, output.out.isAscii)} safe: it is this computer's identity.`,
      `Change settings later: batchain config set offer ${sizeWord(offer === 0 ? 20 * GiB : offer)}${homeFlag(context)}`,
      `Next: batchain start${homeFlag(context)}`,
    ],
  };
}

export const initCommand = defineCommand({
  name: 'init',
  summary: 'set up this computer: identity, name, disk space to offer',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain init', 'asks for name and offer'],
    ['batchain init --no-input --offer 50GiB', 'asks nothing'],
    ['batchain init --home ./ana --offer 0', 'everything under one folder; hosts nothing'],
  ],
  timeoutMs: 1 * hour,
  afterInterrupt: (flag) => `nothing was set up; begin again: batchain init${flag}`,
  usesConfigFile: true,
  run: runInit,
});
