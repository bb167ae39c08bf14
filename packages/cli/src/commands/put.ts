// driven: `batchain put FILE` (`-u FILE`): stores a file on the peers.
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import {
  defineSettings,
  formatSize,
  type LocalApiClient,
  optional,
  type PutResult,
  type StatusResult,
  sizeValue,
  switchValue,
  textValue,
} from '@batchain/participant/client';
import { BatChainError, hour } from '@batchain/shared';
import { z } from 'zod';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { homeFlag, requireDaemon } from '../daemon-access.ts';
import { countText, policyText, shortIdText } from '../output/health-text.ts';
import { printable } from '../output/printable.ts';
import { showProgress } from '../show-progress.ts';
import { refinePutError } from './put-fixes.ts';

const policyValue = z.string().transform((text, context) => {
  const match = /^([1-9]\d{0,2})of([1-9]\d{0,2})$/i.exec(text);
  const policy = { k: Number(match?.[1]), n: Number(match?.[2]) };
  if (match !== null && policy.k <= policy.n && policy.n <= 256) return policy;
  context.addIssue({ code: 'custom', message: 'expected KofN with 1 <= K <= N <= 256, such as 3of5' });
  return z.NEVER;
}) as unknown as z.ZodType<{ readonly k: number; readonly n: number }>;

const OPTIONS = defineSettings({
  policy: {
    schema: optional(policyValue),
    default: undefined,
    argument: 'KofN',
    help: 'any K of N peers restore it; 1of1 consents to a single copy',
  },
  name: {
    schema: optional(textValue(255)),
    default: undefined,
    argument: 'NAME',
    help: "name to keep it under; the file's own by default",
  },
  manifest: {
    schema: optional(textValue(4096)),
    default: undefined,
    argument: 'PATH',
    help: 'where the manifest goes; a folder takes it under its own name',
  },
  'segment-size': { schema: optional(sizeValue), default: undefined, argument: 'SIZE', help: 'bytes of a segment, 1KiB to 64MiB' },
  fresh: { schema: switchValue, default: false, help: 'start over instead of resuming' },
  'keep-shards': { schema: switchValue, default: false, help: 'keep own copies of the shards under HOME/shards (demos)' },
  force: { schema: switchValue, default: false, help: 'replace an existing --manifest' },
});

/** The newest of them; who has more has been told before. */
const SAME_NAMES_SHOWN_MAX = 3;

const KEY_NOTE = 'the manifest is the only key to the file: keep a copy of it elsewhere';

function resultText(context: CommandContext, result: PutResult): string[] {
  const { style, short } = { style: context.output.out, short: shortIdText(result.id) };
  const name = printable(result.name, style.isAscii);
  // What scripts of the seeds read: one line.
  if (!context.io.stdout.isTTY) return [`${short}  ${name}  ${printable(result.manifest, style.isAscii)}`];
  const bytes = result.hosts.reduce((sum, host) => sum + host.bytes, 0);
  const hosts = result.hosts.map((host) => shortIdText(host.nodeId)).join(', ');
  const { segments, hosts: all } = result;
  return [
    style.tint('green', `Stored ${name} as ${short}`),
    `  policy     ${policyText(result.policy)}`,
    `  stored     ${formatSize(bytes)} in ${countText(segments, 'segment')} on ${countText(all.length, 'peer')} (${hosts})`,
    `  manifest   ${printable(result.manifest, style.isAscii)}`,
    `             ${KEY_NOTE}`,
    `  checked    ${result.receipts} of ${countText(result.policy.n, 'receipt')} signed and verified`,
    ...(result.placed < result.policy.n
      ? [`  note       ${result.placed} of ${result.policy.n} peers have their shard; the daemon goes on placing`]
      : []),
  ];
}

/** What ends in a slash is meant as a folder, also when there is none yet. */
function manifestPath(cwd: string, wanted: string): string {
  return /[/\\]$/.test(wanted) ? `${resolve(cwd, wanted)}/` : resolve(cwd, wanted);
}

async function runPut(context: CommandContext<typeof OPTIONS>): Promise<CommandOutcome> {
  const client = await requireDaemon(context);
  try {
    const result = await upload(context, client);
    // For people; what is on stdout of a pipe is for scripts.
    if (!context.io.stdout.isTTY) context.output.say(KEY_NOTE);
    return { json: result, text: resultText(context, result) };
  } catch (error) {
    if (!(error instanceof BatChainError)) throw error;
    const peers = error.code === 'BAT_E_NOT_ENOUGH_PEERS' ? await countPeers(context, client) : NO_PEERS;
    const words = { file: context.words[0] ?? '', argv: context.argv, homeFlag: homeFlag(context) };
    throw refinePutError(error, { ...words, peersOnline: peers.online, peersRemembered: peers.remembered });
  }
}

const NO_PEERS: StatusResult['peers'] = { online: 0, remembered: 0 };

/** None when it can not be asked: the error at hand matters more. */
async function countPeers({ signal }: CommandContext, client: LocalApiClient): Promise<StatusResult['peers']> {
  return client.status({ signal }).then(
    ({ peers }) => peers,
    () => NO_PEERS,
  );
}

/** Another file under the same name is a file of its own: worth a word before it takes room. */
async function noteSameName({ output, signal }: CommandContext<any>, client: LocalApiClient, name: string, path: string): Promise<void> {
  const { files } = await client.list({ signal });
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  for (const { id, bytes } of files.filter((file) => file.name === name).slice(-SAME_NAMES_SHOWN_MAX))
    output.warn(
      `you have a file of this name already: ${shortIdText(id)}${bytes === size ? ', of the same size' : ''}; this becomes another one`,
    );
}

async function upload(context: CommandContext<typeof OPTIONS>, client: LocalApiClient): Promise<PutResult> {
  const { options, origins, io } = context;
  const path = resolve(io.cwd, context.words[0] ?? '');
  // BATCHAIN_NAME is the node's name.
  const name = origins.name === 'flag' ? options.name : undefined;
  await noteSameName(context, client, name ?? basename(path), path);
  return showProgress(context, 'placing', (progress) => {
    if (context.output.err.canRedraw) context.output.say(printable(basename(path), context.output.err.isAscii));
    return client.put(
      {
        path,
        ...(name === undefined ? {} : { name }),
        ...(options.policy === undefined ? {} : { policy: options.policy }),
        ...(options.manifest === undefined ? {} : { manifestPath: manifestPath(io.cwd, options.manifest) }),
        ...(options['segment-size'] === undefined ? {} : { segmentSizeBytes: options['segment-size'] }),
        isFresh: options.fresh,
        keepsShards: options['keep-shards'],
        isForced: options.force,
      },
      progress,
    );
  });
}

export const putCommand = defineCommand({
  name: 'put',
  summary: 'store a file on the peers, encrypted and in pieces',
  positionals: [{ name: 'FILE', isRequired: true }],
  options: OPTIONS,
  examples: [
    ['batchain put holiday.mp4', 'upload; the manifest is what brings it back'],
    ['batchain put keys.kdbx --policy 3of5', 'any 3 of 5 peers can restore it'],
    ['batchain -u holiday.mp4', 'the same, shorter'],
  ],
  timeoutMs: 24 * hour,
  resumes: true,
  run: runPut,
});
