// driven: `batchain init`: makes the identity and the settings of this computer.
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { defineSettings, formatSize, initHome, NODE_SETTINGS, parseSize } from '@batchain/participant/client';
import { BatChainError, hour, toHex } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { hasHome, homeFlag } from '../daemon-access.ts';
import { printable } from '../output/printable.ts';
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

async function runInit(context: Context): Promise<CommandOutcome> {
  const { options, paths, output, runtime } = context;
  if (hasHome(paths)) {
    throw new BatChainError('BAT_E_HOME_EXISTS', { what: `${paths.home} is set up already`, fix: `batchain start${homeFlag(context)}` });
  }
  let name = options.name ?? hostname();
  let { offer } = options;
  if (canAsk(context)) {
    name = (await ask(context, `Name of this computer [${printable(name)}]: `)) || name;
    offer = await askOffer(context, offer);
  }
  const keys = initHome(paths, { name: name.slice(0, 64), offer }, runtime.entropy);
  const nodeId = toHex(keys.nodeId);
  return {
    json: { nodeId, home: paths.home, name, offer: { bytes: offer } },
    text: [
      `Done. Peer ID ${nodeId.slice(0, 16)}, ${offer === 0 ? 'nothing offered' : `${formatSize(offer)} offered`}.`,
      `  home       ${printable(paths.home, output.out.isAscii)}`,
      `  settings   ${printable(paths.configFile, output.out.isAscii)}`,
      `Keep ${printable(paths.identityFile, output.out.isAscii)} safe: it is this computer's identity.`,
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
  run: runInit,
});
