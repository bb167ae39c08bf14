// Two peers of a lab meet: each stores a file on the other and gets it back, and the path and the time to the first byte are noted.
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BatChainError } from '@batchain/shared';
import type { Path } from './kinds.ts';
import type { Lab, LabDaemonOptions } from './lab.ts';

/** More than one leaf, less than a second of anything. */
const FILE_BYTES = 100_000;
const OFFER = '1GiB';
/** A relayed connection has so long to be replaced by a direct one. */
const SETTLE_MS = 15_000;
const PATH_POLL_MS = 250;
/** First contact within 20 s is what is asked for; a transfer that failed is an answer too, so more time is given. */
const TRANSFER_LIMIT_MS = 60_000;
/** So long after its start a peer may still be looking for brokers and telling the network by whom it is reached. */
const NEWCOMER_MS = 15_000;
/** No faster: a broker passes ten signals a minute on to a target, and each question is one. */
const NEWCOMER_POLL_MS = 1_000;

export interface Meeting {
  /** From the first request until there was one that found the other peer reachable, ms: 0 when it was known already. */
  readonly knownMs: number;
  /** From that request until the first byte went to the other peer, ms: finding it and connecting to it. */
  readonly firstByteMs: number;
  /** When the file was there and back, and one of the other peer as well. */
  readonly bothWaysMs: number;
  /** The opener's, right after its own transfers. */
  readonly firstPath: Path;
  /** The opener's in the end. */
  readonly path: Path;
}

/** Starts the daemons of both peers; each has room for the other. */
export async function startPeers(lab: Lab, options: LabDaemonOptions = {}): Promise<void> {
  await Promise.all(['a', 'b'].map((node) => lab.start(node, { offer: OFFER, ...options })));
}

/** Both daemons again, with the same homes, while the routers have forgotten them. */
export async function restartPeers(lab: Lab): Promise<void> {
  await Promise.all(['a', 'b'].map((node) => lab.daemon(node).kill('SIGTERM')));
  const routers = new Set((await Promise.all(['a', 'b'].map((node) => lab.routersOf(node)))).flat());
  for (const router of routers) await lab.turn('expire', router);
  await startPeers(lab);
}

/** Stores a new file of `from` on `to` and gets it back; the time to the first byte, ms. Throws when anything is not as it should be. */
async function thereAndBack(lab: Lab, from: string, to: string): Promise<number> {
  const signal = AbortSignal.timeout(TRANSFER_LIMIT_MS);
  const client = lab.client(from);
  const name = `${from}-to-${to}-${randomBytes(4).toString('hex')}`;
  const source = join(lab.folder, name);
  const content = randomBytes(FILE_BYTES);
  await writeFile(source, content);
  const startedMs = performance.now();
  let firstByteMs: number | undefined;
  const put = await client.put(
    { path: source, policy: { k: 1, n: 1 } },
    {
      signal,
      onProgress: ({ hosts }) => {
        if (hosts.some(({ doneBytes }) => doneBytes > 0)) firstByteMs ??= performance.now() - startedMs;
      },
    },
  );
  firstByteMs ??= performance.now() - startedMs;
  const { nodeId } = lab.daemon(to);
  const [host] = put.hosts;
  if (host?.nodeId !== nodeId || put.hosts.length !== 1) throw new Error(`${name} is not on ${to} alone: ${JSON.stringify(put.hosts)}`);
  const back = `${source}.back`;
  const got = await client.download(put.id, { path: back }, { signal });
  if (!(await readFile(back)).equals(content)) throw new Error(`${name} came back with other bytes`);
  if (!got.hosts.includes(nodeId)) throw new Error(`${name} came from ${got.hosts.join()}, not from ${to}`);
  return firstByteMs;
}

/** How the daemon of `from` reaches `to`: `none` without a connection. */
export async function pathOf(lab: Lab, from: string, to: string): Promise<Path> {
  const { peers } = await lab.client(from).peers();
  return peers.find(({ nodeId }) => nodeId === lab.daemon(to).nodeId)?.path ?? 'none';
}

/** The path, once it is one of `wanted`; otherwise what it is 15 s after `sinceMs` (of `performance.now()`). */
async function settledPath(lab: Lab, from: string, to: string, wanted: readonly Path[], sinceMs: number): Promise<Path> {
  for (;;) {
    const path = await pathOf(lab, from, to);
    if (wanted.includes(path) || performance.now() - sinceMs > SETTLE_MS) return path;
    await new Promise((resolve) => setTimeout(resolve, PATH_POLL_MS));
  }
}

/** Every way to the other that was tried, as JSON. */
export async function whyOf(lab: Lab, from: string, to: string): Promise<string> {
  const why = await lab.daemon(from).run(['peers', '--why', lab.daemon(to).nodeId]);
  return JSON.stringify(why.last.attempts ?? why.last);
}

/** The first transfer, asked for again while the other may be too new to be known; when that one was asked for, and its first byte, ms. */
async function firstContact(lab: Lab, from: string, to: string): Promise<{ readonly knownMs: number; readonly firstByteMs: number }> {
  const startedMs = performance.now();
  for (;;) {
    const knownMs = performance.now() - startedMs;
    try {
      return { firstByteMs: await thereAndBack(lab, from, to), knownMs };
    } catch (error) {
      const isUnknown = error instanceof BatChainError && error.code === 'BAT_E_NOT_ENOUGH_PEERS';
      if (!isUnknown || performance.now() - startedMs > NEWCOMER_MS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, NEWCOMER_POLL_MS));
  }
}

/** `opener` stores on `other`, then the other way round. Throws with both daemons' last words when a transfer fails. */
export async function meet(lab: Lab, opener: 'a' | 'b', wanted: readonly Path[]): Promise<Meeting> {
  const other = opener === 'a' ? 'b' : 'a';
  const startedMs = performance.now();
  try {
    const { knownMs, firstByteMs } = await firstContact(lab, opener, other);
    const firstPath = await pathOf(lab, opener, other);
    // The opener may be as new.
    await firstContact(lab, other, opener);
    const bothWaysMs = performance.now() - startedMs;
    const path = await settledPath(lab, opener, other, wanted, startedMs);
    return { knownMs, firstByteMs, bothWaysMs, firstPath, path };
  } catch (error) {
    throw new Error(`${opener} to ${other}: ${String(error)}\n${await whyOf(lab, opener, other)}\n${await lab.logs()}`, { cause: error });
  }
}
