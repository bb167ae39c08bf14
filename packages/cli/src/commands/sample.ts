// driven: `batchain sample`: a small network on this computer, walked through the main job; on a terminal it stays up (BN-54).
import { countValue, defineSettings, formatDuration, switchValue } from '@batchain/participant/client';
import { BatChainError, minute } from '@batchain/shared';
import { type CommandContext, type CommandOutcome, defineCommand } from '../command.ts';
import { openSampleFolder } from '../sample/sample-home.ts';
import { planSample, SAMPLE_NODES_MAX } from '../sample/sample-plan.ts';
import { SampleWalk, type WalkResult } from '../sample/sample-walk.ts';

const OPTIONS = defineSettings({
  nodes: { schema: countValue(3, SAMPLE_NODES_MAX), default: 3, argument: 'N', help: `participants, 3 to ${SAMPLE_NODES_MAX}` },
  scenario: {
    schema: countValue(1, 3),
    default: 3,
    argument: 'N',
    help: '1: one host; 2: hosts known by address; 3: hosts found by Kademlia',
  },
  keep: { schema: switchValue, default: false, help: 'leave the folders' },
  once: { schema: switchValue, default: false, help: 'clean up and exit when the walk is done, as without a terminal' },
});
type Context = CommandContext<typeof OPTIONS>;

/** The walk takes seconds; a machine that needs longer is stuck. */
const WALK_TIMEOUT_MS: number = 2 * minute;

const isGood = ({ isIdentical, audit }: WalkResult): boolean => isIdentical && audit.files[0]?.verdict !== 'lost';

function resultOf(context: Context, folder: string, result: WalkResult, durationMs: number): CommandOutcome {
  const { put, get, audit, isIdentical, stopped } = result;
  const kept = context.options.keep ? folder : null;
  const json = {
    id: put.id,
    segments: put.segments,
    policy: put.policy,
    hosts: put.hosts,
    stopped,
    identical: isIdentical,
    rejected: get.rejected,
  };
  return {
    json: { ...json, verdict: audit.files[0]?.verdict, folder: kept, durationMs },
    text: kept === null ? [] : [`Kept: ${kept}`],
    exit: isGood(result) ? 0 : 7,
  };
}

/** Resolves when somebody ends it: on a terminal that is how a sample ends well. */
async function stayUp(context: Context, walk: SampleWalk, result: WalkResult): Promise<void> {
  const { output, signal } = context;
  const say = (line: string): void => output.result({}, [line]);
  say('');
  if (result.stopped.length > 0) {
    await walk.restart(result.stopped, result.put);
    say(`Started ${result.stopped.join(', ')} again.`);
  }
  say('Sample network is up. In another terminal:');
  say('  batchain-sample -u FILE     batchain-sample -l     batchain-sample -d MANIFEST');
  say('Press Ctrl-C to stop and clean up (--keep leaves the folders).');
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function runSample(context: Context): Promise<CommandOutcome> {
  const { options, output, clock, runtime, io, globals, signal } = context;
  const startedMs = clock.monotonicMs();
  const timeoutMs = globals.timeout ?? WALK_TIMEOUT_MS;
  const late = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => {
    late.abort(new BatChainError('BAT_E_TIMEOUT', { what: `the walk was not done within ${formatDuration(timeoutMs)}` }));
  });
  const walkSignal = AbortSignal.any([signal, late.signal]);
  const { folder, lock } = await openSampleFolder(io.env, runtime.entropy, walkSignal);
  const say = (line: string): void => {
    if (!output.isJson) output.result({}, [line]);
    else if (line !== '') output.line('step', { text: line.trim() });
  };
  const plan = planSample(options.scenario as 1 | 2 | 3, options.nodes);
  const walk = new SampleWalk({ clock, entropy: runtime.entropy, signal: walkSignal, say }, plan, folder);
  try {
    await walk.start();
    const result = await walk.run();
    timer.cancel();
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    say('');
    say(isGood(result) ? `All as promised, in ${formatDuration(durationMs)}.` : 'The file did NOT come back as it was.');
    const outcome = resultOf(context, folder, result, durationMs);
    if (!options.once && !output.isJson && io.stdout.isTTY === true) await stayUp(context, walk, result);
    return outcome;
  } catch (error) {
    late.signal.throwIfAborted();
    throw error;
  } finally {
    timer.cancel();
    await walk.end(options.keep);
    lock.release();
  }
}

export const sampleCommand = defineCommand({
  name: 'sample',
  summary: 'a network on this computer: upload, lose hosts, download, compare, audit',
  positionals: [],
  options: OPTIONS,
  examples: [
    ['batchain sample', 'three nodes; stays up on a terminal'],
    ['batchain sample --once', 'cleans up and exits when the walk is done'],
    ['batchain sample --nodes 6', 'five hosts, of which three are stopped'],
  ],
  timeoutMs: 'own',
  run: runSample,
});
