// driven: the walk of leaving: participants as processes, values and files; some leave one after the other while another joins, and
// readers ask all the time.
import { join } from 'node:path';
import type { LeaveResultView } from '@batchain/participant/client';
import { mapInFlight } from '@batchain/shared';
import { clientOf, type Daemon, Network, sha256Of, until, writeSeededFile } from './harness.ts';

export interface WalkOptions {
  readonly participants: number;
  readonly values: number;
  readonly files: number;
  readonly fileBytes: number;
  readonly leavers: number;
  /** A host that is taking shards from the second leaver is killed meanwhile, and started again before the last audit. */
  readonly killsReceiver: boolean;
  readonly say: (line: string) => void;
}

export interface WalkReport {
  readonly moved: { readonly shards: number; readonly records: number; readonly bytes: number };
  readonly left: readonly unknown[];
  readonly reads: number;
  /** One line per read that failed while participants left. */
  readonly failedReads: readonly string[];
  /** Shards that nobody proved in the last audit. */
  readonly badShards: readonly unknown[];
  readonly verdicts: Readonly<Record<string, number>>;
  readonly lostValues: readonly string[];
  /** Name of the host that was killed while it took shards. */
  readonly killed: string | undefined;
}

const IN_FLIGHT = 4;
/** Of daemons that start: a processor is busy with each for a second. */
const STARTS_IN_FLIGHT = 3;
const POLICY = { k: 2, n: 4 };

interface StoredFile {
  readonly name: string;
  readonly manifest: string;
  readonly sha256: string;
}

const walkValue = (i: number): { readonly number: number; readonly text: string } => ({ number: i, text: `value ${i} `.repeat(8) });

/** Reads a value and a file in turn from participants that stay, until it is told to end. */
class Reader {
  readonly failed: string[] = [];
  reads = 0;
  #isEnding = false;
  #running: Promise<void> | undefined;

  start(readOne: (turn: number) => Promise<void>): void {
    const run = async (): Promise<void> => {
      for (let turn = 0; !this.#isEnding; turn++) {
        await readOne(turn).catch((error: unknown) => this.failed.push(`read ${turn}: ${String(error)}`));
      }
    };
    this.#running = run();
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
  }
}

class Walk {
  readonly #options: WalkOptions;
  readonly #network: Network;
  readonly #stored: StoredFile[] = [];
  readonly #reader = new Reader();
  /** Participants that stay: the owner first. */
  #staying: Daemon[] = [];
  #leaving: Daemon[] = [];
  #killed: Daemon | undefined;

  constructor(options: WalkOptions, network: Network) {
    this.#options = options;
    this.#network = network;
  }

  async run(): Promise<WalkReport> {
    const { say, leavers } = this.#options;
    await this.#startAll();
    await this.#store();
    const moved = { shards: 0, records: 0, bytes: 0 };
    const left: unknown[] = [];
    this.#reader.start((turn) => this.#readOne(turn));
    for (const [i, leaver] of this.#leaving.entries()) {
      const isMiddle = i === 1 || leavers === 1;
      const joining = isMiddle ? this.#join() : undefined;
      const startedMs = Date.now();
      const result = await this.#leave(leaver, isMiddle && this.#options.killsReceiver);
      await joining;
      moved.shards += result.moved.shards;
      moved.records += result.moved.records;
      moved.bytes += result.moved.bytes;
      left.push(...result.left);
      say(
        `${leaver.name} left in ${((Date.now() - startedMs) / 1000).toFixed(1)} s: ${JSON.stringify(result.moved)}, left behind ${result.leftCount}`,
      );
      await leaver.kill('SIGTERM');
    }
    await this.#reader.end();
    await this.#reviveKilled();
    const seen = { reads: this.#reader.reads, failedReads: this.#reader.failed, killed: this.#killed?.name };
    return { moved, left, ...seen, ...(await this.#check()) };
  }

  async #startAll(): Promise<void> {
    const { participants, leavers, say } = this.#options;
    const start = (i: number): Promise<Daemon> => this.#network.start({ name: `node${i}`, offer: '1GiB' });
    const first = await start(1);
    const others = Array.from({ length: participants - 1 }, (_, i) => i + 2);
    const all = [first, ...(await mapInFlight(others, STARTS_IN_FLIGHT, start))];
    this.#staying = all.slice(0, participants - leavers);
    this.#leaving = all.slice(participants - leavers);
    await until('all know one another', async () => {
      const counts = await Promise.all(all.map(async (daemon) => (await clientOf(daemon).status()).peers.online));
      return counts.every((count) => count >= Math.min(participants - 1, 8));
    });
    say(`${participants} participants are up`);
  }

  get #owner(): Daemon {
    return this.#staying[0] as Daemon;
  }

  async #store(): Promise<void> {
    const { values, files, fileBytes, say } = this.#options;
    const client = clientOf(this.#owner);
    await mapInFlight(
      Array.from({ length: values }, (_, i) => i),
      IN_FLIGHT,
      async (i) => void (await client.values.put(`walk/${i}`, { json: JSON.stringify(walkValue(i)) })),
    );
    say(`${values} values are stored`);
    await mapInFlight(
      Array.from({ length: files }, (_, i) => i),
      IN_FLIGHT,
      async (i) => {
        const path = await writeSeededFile(join(this.#network.folder, `file${i}`), fileBytes + i, i + 1);
        const { name, manifest, sha256 } = await client.put({ path, policy: POLICY });
        this.#stored.push({ name, manifest, sha256 });
      },
    );
    say(`${files} files of ${fileBytes} bytes are stored`);
  }

  /** A value from somebody who does not own it, then a file. A reader that is killed meanwhile has its turn taken by another. */
  async #readOne(turn: number): Promise<void> {
    const readers = this.#staying.filter((daemon) => daemon !== this.#killed);
    const reader = readers[turn % readers.length] as Daemon;
    const i = (turn * 7) % this.#options.values;
    const file = this.#stored[(turn * 3) % this.#stored.length];
    try {
      await this.#readValue(reader, i);
      this.#reader.reads++;
      if (file === undefined) return;
      await this.#readFile(reader, file);
      this.#reader.reads++;
    } catch (error) {
      if (reader !== this.#killed) throw error;
      await this.#readOne(turn);
    }
  }

  async #readValue(reader: Daemon, i: number): Promise<void> {
    const found = await clientOf(reader).values.get(`${this.#owner.nodeId}/walk/${i}`);
    if (JSON.stringify('value' in found ? found.value : undefined) !== JSON.stringify(walkValue(i)))
      throw new Error(`walk/${i} is not what was stored: ${JSON.stringify(found)}`);
  }

  async #readFile(reader: Daemon, { name, manifest, sha256 }: StoredFile): Promise<void> {
    const target = join(this.#network.folder, `back-${reader.name}`);
    await clientOf(reader).download(manifest, { path: target, isForced: true });
    if ((await sha256Of(target)) !== sha256) throw new Error(`${name} is not what was stored`);
  }

  async #join(): Promise<void> {
    const newcomer = await this.#network.start({ name: 'newcomer', offer: '1GiB' });
    this.#staying = [...this.#staying, newcomer];
    this.#options.say('newcomer joined meanwhile');
  }

  /** `killsReceiver`: the first host that is seen to take shards from the leaver is killed then. */
  async #leave(leaver: Daemon, killsReceiver: boolean): Promise<LeaveResultView> {
    const leaving = clientOf(leaver).membership.leave({ withinMs: 120_000 });
    if (!killsReceiver) return leaving;
    const [result] = await Promise.all([leaving, this.#killReceiver()]);
    return result;
  }

  /** Who holds more than at the beginning of the leave takes shards from it. */
  async #killReceiver(): Promise<void> {
    const candidates = this.#staying.slice(1);
    const held = async (daemon: Daemon): Promise<number> => (await clientOf(daemon).status()).offer.shards;
    const before = await Promise.all(candidates.map(held));
    const victim = await until(
      'somebody takes a shard of the leaver',
      async () => {
        const now = await Promise.all(candidates.map(held));
        return candidates.find((_, i) => (now[i] as number) > (before[i] as number));
      },
      20_000,
      5,
    );
    this.#killed = victim;
    await victim.kill('SIGKILL');
    this.#options.say(`${victim.name} was killed while it took shards`);
  }

  async #reviveKilled(): Promise<void> {
    if (this.#killed === undefined) return;
    const { name, home } = this.#killed;
    const revived = await this.#network.start({ name, offer: '1GiB', join: [this.#owner.kad] });
    this.#staying = [...this.#staying.filter((daemon) => daemon.home !== home), revived];
  }

  /** After all of it: an audit of every file, and every value as the newest participant reads it. */
  async #check(): Promise<Pick<WalkReport, 'badShards' | 'verdicts' | 'lostValues'>> {
    const { files } = await clientOf(this.#owner).auditAll({});
    const verdicts: Record<string, number> = {};
    for (const { verdict } of files) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    const badShards = files.flatMap(({ name, shards }) => {
      const proved = new Set(shards.filter(({ outcome }) => outcome === 'passed').map(({ segment, index }) => `${segment}/${index}`));
      return shards.filter(({ segment, index }) => !proved.has(`${segment}/${index}`)).map((row) => ({ name, ...row }));
    });
    const lostValues: string[] = [];
    const newest = this.#staying.at(-1) as Daemon;
    await mapInFlight(
      Array.from({ length: this.#options.values }, (_, i) => i),
      IN_FLIGHT,
      (i) => this.#readValue(newest, i).catch((error: unknown) => void lostValues.push(`walk/${i}: ${String(error)}`)),
    );
    return { badShards, verdicts, lostValues };
  }
}

/** The whole walk, in processes of its own, which are gone afterwards. */
export async function walkOfLeaving(options: WalkOptions): Promise<WalkReport> {
  const network = await Network.create();
  try {
    return await new Walk(options, network).run();
  } finally {
    await network.close();
  }
}
