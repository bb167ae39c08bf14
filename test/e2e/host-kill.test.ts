// A real host daemon is killed again and again while owners store, commit, renew and release over real connections.
import { networkKey } from '@batchain/kad-node';
import { equalBytes, present } from '@batchain/shared';
import { SimRandom } from '@batchain/shared/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import type { HeldShard } from '../../packages/bat-node/src/wire/frames.ts';
import { HostWork, WORKS, type Work } from '../support/host-work.ts';
import { findLostLeases, findStrays, KilledHost } from '../support/killed-host.ts';
import { type BookedFile, ReceiptBook } from '../support/receipt-book.ts';
import { openWireHost, targetOf, type WireHost } from '../support/wire-host.ts';
import { Network } from './harness.ts';

/** More for a night: KILLS=1000. */
const KILLS = Number(process.env.KILLS ?? 50);
/** Of ten kills one hits a start on a home with shards, one the very first start of a home; the others hit work. */
const MOMENTS: readonly (Work | 'start' | 'first start')[] = [...WORKS, 'small shards', 'all at once', 'start', 'first start'];
/** Until a first start says how long one takes here. */
const START_MS = 1000;
/** One kill takes 1.4 s on two free cores; a machine that is shared by many gets its time. */
const KILL_MS_LIMIT = 20_000;
/** The longest life after a start, in starts: 250 ms on two free cores, longer where all is slower. */
const LIFE_SHARE = 0.4;
/** Work that makes no receipt any more ends so. */
const LIFE_MS_LIMIT = 5000;
const STRAY_MS_MAX = 5000;
const CALLS_AT_ONCE = 16;
/** Beyond these, what was never committed is released again. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
const HELD_FILES_MAX = 60;
/** Shards that the last life did not touch, asked to prove a leaf after each kill; of all others their presence is asked. */
const LEAVES_ASKED = 60;

describe('a host daemon that is killed', () => {
  const random = SimRandom.fromSeed(process.env.SEED ?? 'kills', 'daemon');
  let network: Network;
  let owners: WireHost[] = [];
  let host: KilledHost;
  let book: ReceiptBook;
  let work: HostWork;

  beforeAll(async () => {
    network = await Network.create();
    const key = networkKey({ name: 'batchain' });
    owners = await Promise.all(['ana', 'bo'].map((name) => openWireHost(name, { networkKey: key })));
    host = new KilledHost(network, 'host');
    book = new ReceiptBook();
    work = new HostWork(book, owners, random.fork('work'));
  });
  afterAll(async () => {
    await Promise.all(owners.map((owner) => owner.close()));
    await network?.close();
  });

  const momentOfStart = (): number => random.below(Math.round(host.startsMs.at(-1) ?? START_MS));

  /** A daemon that runs may itself be writing a small file just now: what was left stays. */
  const expectNoStrays = (home: string, known: ReceiptBook): Promise<void> =>
    expect.poll(() => findStrays(home, known), { timeout: STRAY_MS_MAX }).toEqual([]);

  const forEach = async <T>(items: readonly T[], call: (item: T) => Promise<void>): Promise<void> => {
    const left = [...items];
    const lane = async (): Promise<void> => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await call(item);
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, lane));
  };

  const clientOf = ({ owner }: BookedFile): ShardClient => present(work.clients[owner], 'a client');

  async function heldOf(booked: BookedFile): Promise<HeldShard[]> {
    const held: HeldShard[] = [];
    for await (const page of clientOf(booked).have(booked.file)) {
      if (page.ok) held.push(...page.value);
      else if (page.reason !== 'not-held') throw new Error(`HAVE ${booked.name}: ${page.reason} ${page.detail}`);
    }
    return held;
  }

  /** Reads the shard whole, or has one leaf of it proved. */
  async function readBack(booked: BookedFile, segment: number, isWhole: boolean): Promise<string[]> {
    const { bytes } = present(booked.file.shards[segment], 'a shard');
    const target = targetOf(booked.file, segment);
    if (!isWhole) {
      const leaf = random.below(Math.ceil(bytes.length / 16_384));
      const proved = await clientOf(booked).challenge(booked.file, target, [leaf]);
      return proved.ok ? [] : [`CHALLENGE ${booked.name}/${segment}: ${proved.reason}`];
    }
    const into = new Uint8Array(bytes.length);
    const fetched = await clientOf(booked).fetch({ ...target, into });
    return fetched.ok && equalBytes(into, bytes) ? [] : [`FETCH ${booked.name}/${segment}: ${fetched.ok ? 'other bytes' : fetched.reason}`];
  }

  /** The host is up again: everything that it ever signed for is there and right, and nothing else is. */
  async function checkAll(touched: ReadonlySet<string>, isLast = false): Promise<void> {
    const faults: string[] = [];
    await forEach(book.files, async (booked) => {
      faults.push(...book.compare(booked, await heldOf(booked)));
    });
    expect(faults).toEqual([]);
    const used = await host.usedBytes();
    expect(used.ofShards, 'bytes of shards').toBe([...book.heldShards().values()].reduce((sum, length) => sum + length, 0));
    expect(used.counted, 'used bytes').toBe(used.onDisk);
    const places = book.files.flatMap((booked) =>
      booked.fates.flatMap((fate, segment) => (fate === 'stored' ? [{ booked, segment }] : [])),
    );
    const isRead = ({ booked }: { booked: BookedFile }): boolean => isLast || touched.has(booked.name);
    const asked = random.shuffle(places.filter((place) => !isRead(place))).slice(0, LEAVES_ASKED);
    await forEach([...places.filter(isRead), ...asked], async ({ booked, segment }) => {
      faults.push(...(await readBack(booked, segment, isRead({ booked }))));
    });
    expect(faults).toEqual([]);
  }

  /** Owners repeat what was interrupted; no temporary of it is left. What there is too much of is released. */
  async function repeatInterrupted(interrupted: readonly BookedFile[]): Promise<void> {
    await Promise.all(interrupted.map((booked) => work.storeAll(booked)));
    const heldBytes = (): number => [...book.heldShards().values()].reduce((sum, length) => sum + length, 0);
    for (const booked of [...book.files]) {
      if (!booked.fates.includes('stored')) {
        if (book.files.length > HELD_FILES_MAX) book.forget(booked);
      } else if (booked.lease?.isCommitted !== true && (heldBytes() > HELD_BYTES_MAX || book.files.length > HELD_FILES_MAX)) {
        await work.release(booked);
      }
    }
    expect(work.faults).toEqual([]);
    await expectNoStrays(host.home, book);
  }

  async function connect(): Promise<void> {
    work.begin(await Promise.all(owners.map((owner) => owner.client(host.wire))));
  }

  /** Works until the kill, at a moment or at a receipt. Returns the files that were touched. */
  async function workUntilKilled(kind: Work): Promise<ReadonlySet<string>> {
    const prepared = await work.prepare(kind);
    expect(work.faults).toEqual([]);
    const before = book.files.length;
    const kill = (): void => {
      work.end();
      host.kill();
    };
    let receiptsToGo = random.below(2) === 0 ? 1 + random.below(kind === 'large shards' ? 3 : 20) : Number.POSITIVE_INFINITY;
    const timer = setTimeout(kill, Number.isFinite(receiptsToGo) ? LIFE_MS_LIMIT : Math.round(momentOfStart() * LIFE_SHARE));
    work.onReceipt = () => {
      receiptsToGo--;
      if (receiptsToGo === 0) kill();
    };
    await work.run(kind, prepared);
    clearTimeout(timer);
    work.onReceipt = () => undefined;
    await host.gone();
    expect(work.faults, kind).toEqual([]);
    return new Set([...prepared, ...book.files.slice(before)].map(({ name }) => name));
  }

  async function killFirstStart(kill: number): Promise<void> {
    const fresh = new KilledHost(network, `fresh${kill}`);
    await fresh.startAndKill(momentOfStart());
    await fresh.start();
    expect(await fresh.usedBytes()).toEqual({ counted: 0, onDisk: 0, ofShards: 0 });
    await expectNoStrays(fresh.home, new ReceiptBook());
    await fresh.gone();
  }

  it(
    `BN-49 I9 has every acknowledged shard, lease and release after each of ${KILLS} kills, in any work and while it starts`,
    async () => {
      const beganAtMs = performance.now();
      await host.start();
      await connect();
      let touched: ReadonlySet<string> = new Set();
      for (let kill = 0; kill < KILLS; kill++) {
        const moment = MOMENTS[kill % MOMENTS.length] as (typeof MOMENTS)[number];
        if (moment === 'first start') {
          await killFirstStart(kill);
          continue;
        }
        if (moment === 'start') {
          await host.gone();
          await host.startAndKill(momentOfStart());
        } else touched = await workUntilKilled(moment);
        await host.start();
        await connect();
        const interrupted = book.files.filter(({ fates }) => fates.includes('storing'));
        await checkAll(touched);
        await repeatInterrupted(interrupted);
      }
      await checkAll(new Set(), true);
      await host.daemon?.kill('SIGTERM');
      expect(await findLostLeases(host.home, book.files)).toEqual([]);
      const { store, commit, renew, release } = work.receipts;
      expect(store).toBeGreaterThan(KILLS);
      expect(Math.min(commit, renew, release)).toBeGreaterThan(0);
      const starts = host.startsMs.toSorted((a, b) => a - b).map(Math.round);
      process.stdout.write(
        `  ${KILLS} kills in ${Math.round((performance.now() - beganAtMs) / 1000)} s; acknowledged: ${store} stores, ${commit} commits, ` +
          `${renew} renewals, ${release} releases; starts ${starts[0]} to ${starts.at(-1)} ms, half of them below ${starts[starts.length >> 1]} ms\n`,
      );
    },
    KILLS * KILL_MS_LIMIT,
  );
});
