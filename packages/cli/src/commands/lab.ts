// driven: `batchain lab`: many participants on this computer, to be broken on purpose: processes, or hundreds simulated (BD-07, BD-32).
import { join, resolve } from 'node:path';
import type { Lab, LabStatus, LabUpOptions } from '@batchain/lab';
import {
  countValue,
  defineSettings,
  formatDuration,
  optional,
  stateDir,
  switchValue,
  systemSurroundings,
  textValue,
} from '@batchain/participant/client';
import { minute } from '@batchain/shared';
import { nearestWord, usageError } from '../argv/usage-error.ts';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { homeFlag } from '../daemon-access.ts';
import { countText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import { groupsText, labCounts, labText, nextText } from './lab-text.ts';
import { delayValue, lossValue, speedValue } from './lab-values.ts';

const OPTIONS = defineSettings({
  nodes: {
    schema: optional(countValue(1, 1000)),
    default: undefined,
    argument: 'N',
    help: 'up: how many there are then; as many as there are, or 2',
  },
  loss: { schema: optional(lossValue), default: undefined, argument: 'PERCENT', help: 'up: share of datagrams that are lost' },
  delay: {
    schema: optional(delayValue),
    default: undefined,
    argument: 'MS[..MS]',
    help: 'up: one way; each pair of nodes keeps one value of the range',
  },
  simulated: { schema: switchValue, default: false, help: 'up: hundreds of nodes in one process, on a simulated network and clock' },
  nat: {
    schema: textValue(20),
    default: 'none',
    argument: 'KIND',
    help: 'up --simulated: none, mixed, or what all but four nodes are behind',
  },
  speed: { schema: speedValue, default: 1, argument: 'X', help: 'up --simulated: simulated seconds per second' },
  seed: {
    schema: optional(textValue(100)),
    default: undefined,
    argument: 'TEXT',
    help: 'up --simulated: what keys, delays and losses are drawn from',
  },
  keep: { schema: switchValue, default: false, help: 'down: leave the homes for the next up' },
  all: { schema: switchValue, default: false, help: 'status: show each node, however many there are' },
});
type Context = CommandContext<typeof OPTIONS>;
type Action = (context: Context, lab: Lab, words: readonly string[]) => Promise<CommandOutcome>;

/** Sixty processes need a minute or two on a small computer. */
const TIMEOUT_MS: number = 5 * minute;
/** A thousand simulated nodes join in a few minutes. */
const SIMULATED_TIMEOUT_MS: number = 15 * minute;

/** `lab/` under the state directory, or `--home`. */
function folderOf({ globals, io }: Context): string {
  return globals.home === undefined ? join(stateDir(systemSurroundings(io.env)), 'lab') : resolve(io.cwd, globals.home);
}

function shown({ output, options }: Context, status: LabStatus): Pick<CommandOutcome, 'json' | 'text'> {
  return { json: { ...labCounts(status), ...status }, text: labText(output.out, status, options.all).map((line) => printable(line)) };
}

function upOptions({ options, output, signal }: Context): LabUpOptions {
  const { nodes, loss, delay, simulated, nat, speed, seed } = options;
  return {
    signal,
    ...(nodes === undefined ? {} : { nodes }),
    ...(loss === undefined ? {} : { lossPercent: loss }),
    ...(delay === undefined ? {} : { delayMs: delay }),
    ...(simulated ? { simulated: { nat, speed, ...(seed === undefined ? {} : { seed }) } } : {}),
    onReady: ({ name, nodeId, kad, bat }) => {
      output.say(`  ${name}  kad ${kad}  bat ${bat}  ready`);
      output.line('progress', { node: name, nodeId, kad, bat });
    },
  };
}

const up: Action = async (context, lab) => {
  const { clock, output } = context;
  const startedMs = clock.monotonicMs();
  output.say('Starting a laboratory on this computer (nothing leaves it)');
  const status = await lab.up(upOptions(context));
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  const { json, text } = shown(context, status);
  output.say(`Up after ${formatDuration(durationMs)}.`);
  if ((context.options.nodes ?? 0) < status.nodes.length && context.options.nodes !== undefined)
    output.warn(`the laboratory has ${countText(status.nodes.length, 'node')}: up takes none away`);
  return { json: { ...json, durationMs }, text: [...text, ...nextText(status, homeFlag(context))] };
};

const status: Action = async (context, lab) => shown(context, await lab.status({ signal: context.signal }));

const kill: Action = async ({ signal }, lab, words) => {
  const killed = await lab.kill(words, { signal });
  return {
    json: { killed },
    text: [killed.length === 0 ? 'None of them was up.' : `Killed ${countText(killed.length, 'node')}: ${groupsText([killed])}`],
  };
};

const partition: Action = async ({ signal, globals }, lab, words) => {
  const groups = await lab.partition(words, { signal });
  return { json: { groups }, text: [`Nothing passes between: ${groupsText(groups)}`, `End it: batchain lab heal${homeFlag({ globals })}`] };
};

const heal: Action = async ({ signal }, lab) => {
  await lab.heal({ signal });
  return { json: { groups: [] }, text: ['No partition any more; the nodes find one another again by themselves.'] };
};

const down: Action = async (context, lab) => {
  const { options, signal } = context;
  const wasUp = await lab.down({ signal, keeps: options.keep });
  const kept = options.keep ? folderOf(context) : null;
  return {
    json: { wasUp, folder: kept },
    text: [wasUp ? 'Stopped.' : 'No laboratory was up.', ...(kept === null || !wasUp ? [] : [`Kept: ${kept}`])],
  };
};

const ACTIONS: Readonly<Record<string, Action>> = { up, down, status, kill, partition, heal };
/** What an action takes behind itself. */
const WORDS: Readonly<Record<string, string>> = { kill: 'NODE...', partition: 'NODE,NODE / NODE,NODE' };

async function runLab(context: Context): Promise<CommandOutcome> {
  const { runtime, words } = context;
  const [name = 'status', ...rest] = words;
  const action = ACTIONS[name];
  if (action === undefined) {
    const near = nearestWord(name, Object.keys(ACTIONS));
    throw usageError(
      `lab has no ${JSON.stringify(name)}`,
      near === undefined ? `it has ${Object.keys(ACTIONS).join(', ')}` : `did you mean ${near}?`,
      'lab',
    );
  }
  const wanted = WORDS[name];
  if ((wanted === undefined) !== (rest.length === 0))
    throw usageError(
      `lab ${name} takes ${wanted ?? 'flags only'}`,
      `usage: batchain lab ${name}${wanted === undefined ? '' : ` ${wanted}`}`,
      'lab',
    );
  const { Lab: Laboratory } = await import('@batchain/lab');
  return action(context, new Laboratory(runtime, { folder: folderOf(context) }), rest);
}

export const labCommand = defineCommand({
  name: 'lab',
  summary: 'many nodes on this computer, to be killed, cut apart and healed',
  positionals: [
    { name: 'up|status|kill|partition|heal|down', isRequired: false },
    { name: 'NODE...', isRequired: false, isRest: true },
  ],
  options: OPTIONS,
  examples: [
    ['batchain lab up --nodes 5', 'five nodes, each a process with a home of its own'],
    ['batchain lab up --nodes 5 --loss 2% --delay 20..80', 'on a worse network; also later, while they run'],
    ['batchain lab status', 'who is up, and how many peers each has'],
    ['batchain lab kill 2', 'as a crash; batchain lab up brings it back'],
    ['batchain lab partition 1,2 / 3..5', 'nothing passes between the two groups'],
    ['batchain lab heal', 'until the partition is ended'],
    ['batchain lab down', 'stops all and removes the folder'],
    ['batchain lab up --simulated --nodes 300 --nat mixed', 'hundreds in one process, behind routers of all kinds'],
  ],
  notes: [
    'A node is named node3 or 3, several 1,2 or 3..5; kill takes a share too: kill 20%.',
    'Who is in no group of a partition is cut off from nobody.',
    'The folder is lab/ under the state directory, or --home; a node has its home in there: --home LAB/node1.',
    'In a simulation only node1 has one. Kinds of NAT: open fw full-cone addr-restr port-restr linux',
    'symmetric-ip symmetric-seq symmetric udp-blocked.',
  ],
  timeoutMs: ({ simulated }) => (simulated ? SIMULATED_TIMEOUT_MS : TIMEOUT_MS),
  afterInterrupt: (flag) => `see what is up: batchain lab status${flag}; end it: batchain lab down${flag}`,
  run: runLab,
});
