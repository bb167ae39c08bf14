// Twelve hours of coming and going: what its owner keeps up is never lost, what was deleted or replaced never comes back.
import { MemoryKadStateStore } from '@batchain/kad-node';
import { hour, minute, second, sha256, utf8Bytes, utf8Text } from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { KadCluster, type Member } from './kad-cluster.ts';
import { gapsOf } from './kad-copies.ts';
import { beginSimulation, say, seedsOf } from './simulator.ts';

/** `HOURS=48 NODES=60 SEED=x` for a longer night. */
const HOURS = Number(process.env.HOURS ?? 12);
const NODES = Number(process.env.NODES ?? 28);
const MEDIAN_SESSION_MS: number = 1.5 * hour;
const STEP_MS: number = 5 * minute;
const OWNERS = 4;
const PATIENCE_MS: number = HOURS > 12 ? 3_600_000 : 300_000;
/** Idle nodes do what they do at longer intervals than usual, so that hours fit into a test; deaths are noticed after a quarter of an hour. */
const CALM = {
  livenessIntervalMs: 5 * minute,
  silentAfterMs: 10 * minute,
  refreshIntervalMs: 1 * hour,
  republishRoundMs: 15 * minute,
  replicationRoundMs: 5 * minute,
  saveIntervalMs: 1 * hour,
};

/** What an owner last said under a name. */
interface Truth {
  readonly owner: Member;
  readonly name: string;
  version: number;
  isDeleted: boolean;
}

const textOf = ({ name, version }: Truth): string => `${name}, version ${version}`;

/** Sessions end at random, half of them within the median; one in three members comes back later with what it had saved, the others are replaced. */
class Comings {
  readonly cluster: KadCluster;
  readonly #away: { readonly member: Member; readonly state: MemoryKadStateStore; readonly untilMs: number }[] = [];
  readonly #states = new Map<Member, MemoryKadStateStore>();
  readonly counts = { crashed: 0, left: 0, returned: 0, joined: 0 };

  constructor(cluster: KadCluster) {
    this.cluster = cluster;
  }

  async addMember(known: Member | undefined): Promise<Member> {
    const state = new MemoryKadStateStore();
    const member = await this.cluster.add(undefined, state);
    this.#states.set(member, state);
    if (known !== undefined) void member.node.bootstrap([known.address]);
    return member;
  }

  async step(owners: readonly Member[]): Promise<void> {
    const { random, clock } = this.cluster.simulation.runtime;
    const chance = 1 - 0.5 ** (STEP_MS / MEDIAN_SESSION_MS);
    for (const member of this.cluster.living) {
      if (owners.includes(member) || random.below(1_000_000) >= chance * 1_000_000) continue;
      await this.#end(member, random.below(4) === 0);
    }
    const nowMs = clock.monotonicMs();
    for (const back of this.#away.splice(0)) {
      if (back.untilMs > nowMs) this.#away.push(back);
      else await this.#comeBack(back.member, back.state);
    }
    while (this.cluster.living.length < NODES) {
      this.counts.joined += 1;
      await this.addMember(this.cluster.randomMember());
    }
  }

  async #end(member: Member, isOrderly: boolean): Promise<void> {
    const { random, clock } = this.cluster.simulation.runtime;
    if (isOrderly) {
      this.counts.left += 1;
      await this.cluster.settle(member.node.leave({ deadlineMs: 30 * second }));
      await this.cluster.stop(member);
      return;
    }
    this.counts.crashed += 1;
    this.cluster.crash(member);
    const state = this.#states.get(member);
    if (state === undefined || random.below(3) > 0) return;
    this.#away.push({ member, state, untilMs: clock.monotonicMs() + random.below(4) * hour });
  }

  async #comeBack(member: Member, state: MemoryKadStateStore): Promise<void> {
    this.counts.returned += 1;
    await this.cluster.restart(member, state);
    void member.node.bootstrap([this.cluster.randomMember().address]);
  }
}

describe('twelve hours with churn', () => {
  it.each(seedsOf('kad-twelve-hours', ['night-1']))(
    'BD-52 SH-03 SH-04 no value is lost that its owner kept up, no older or deleted one comes back, seed %s',
    async (seed) => {
      const cluster = new KadCluster(beginSimulation('kad-twelve-hours', seed), { link: { lossRate: 0.02 }, config: CALM });
      const { random, clock } = cluster.simulation.runtime;
      const comings = new Comings(cluster);
      const first = await comings.addMember(undefined);
      for (let n = 1; n < NODES; n++) {
        await comings.addMember(first);
        if (n % 10 === 0) await cluster.simulation.clock.runFor(5 * second);
      }
      await cluster.simulation.clock.runFor(2 * minute);
      const owners = cluster.members.slice(0, OWNERS);
      const truths: Truth[] = owners.flatMap((owner) =>
        ['a', 'b', 'c'].map((name) => ({ owner, name: `${name} of ${owner.name}`, version: 0, isDeleted: false })),
      );
      const put = async (truth: Truth): Promise<void> => {
        truth.version += 1;
        truth.isDeleted = false;
        await cluster.settle(truth.owner.node.putMutable(truth.name, utf8Bytes(textOf(truth))));
      };
      for (const truth of truths) await put(truth);
      const immutables = owners.map((owner) => ({ owner, value: utf8Bytes(`kept by ${owner.name}`) }));
      for (const { owner, value } of immutables) await cluster.settle(owner.node.putImmutable(value));

      // Of an owner who is gone at once: nobody but storers keeps these.
      const gone = await comings.addMember(first);
      await cluster.simulation.clock.runFor(1 * minute);
      const orphans = Array.from({ length: 12 }, (_, n) => utf8Bytes(`orphan ${n}`));
      for (const value of orphans) await cluster.settle(gone.node.putImmutable(value));
      cluster.crash(gone);

      let sentBytes = 0;
      cluster.network.tap(({ stage, bytes }) => {
        if (stage === 'sent') sentBytes += bytes.length;
      });
      let reads = 0;
      const wrong: string[] = [];
      const startMs = clock.monotonicMs();
      const readOne = async (truth: Truth): Promise<void> => {
        const readers = cluster.living.filter((member) => member.node.isJoined && !owners.includes(member));
        const reader = readers[random.below(readers.length)] as Member;
        const found = await cluster.settle(reader.node.getMutable(truth.owner.signer.publicKey, truth.name));
        const expected = truth.isDeleted ? undefined : textOf(truth);
        const said = found === undefined ? undefined : utf8Text(found.value);
        reads += 1;
        const atMin = Math.round((clock.monotonicMs() - startMs) / minute);
        if (said !== expected) wrong.push(`${atMin} min: ${reader.name} read "${said}" where it is "${expected}"`);
      };
      for (let atMs = 0; atMs < HOURS * hour; atMs += STEP_MS) {
        await comings.step(owners);
        await cluster.simulation.clock.runFor(STEP_MS);
        const truth = truths[random.below(truths.length)] as Truth;
        const drawn = random.below(12);
        if (drawn === 0 && !truth.isDeleted) {
          truth.isDeleted = true;
          await cluster.settle(truth.owner.node.deleteMutable(truth.name));
        } else if (drawn <= 2) await put(truth);
        await readOne(truth);
        await readOne(truths[random.below(truths.length)] as Truth);
      }
      for (const truth of truths) await readOne(truth);
      const reader = cluster.living.at(-1) as Member;
      for (const { owner, value } of immutables) {
        const found = await cluster.settle(reader.node.getImmutable(sha256(value)));
        if (found === undefined) wrong.push(`the value of ${owner.name} is lost`);
      }
      for (const value of orphans) {
        const found = await cluster.settle(reader.node.getImmutable(sha256(value)));
        if (found === undefined) wrong.push(`${utf8Text(value)} is lost`);
      }
      let gaps = 0;
      for (const value of orphans) gaps += (await gapsOf(cluster, 'immutable', sha256(value))).length;
      const stats = cluster.living.map(({ node }) => node.stats());
      const sum = (of: (one: (typeof stats)[number]) => number): number => stats.reduce((total, one) => total + of(one), 0);
      const { crashed, left, returned, joined } = comings.counts;
      say(`  ${crashed} crashed, ${left} left, ${returned} came back, ${joined} joined; ${reads} reads, ${wrong.length} wrong`);
      say(
        `  of the ${stats.length} that live: ${sum((one) => one.handedOver)} copies handed over, ${sum((one) => one.replicated)} stored again`,
      );
      say(`  ${gaps} of ${20 * orphans.length} copies of what has no owner any more are missing`);
      say(`  ${Math.round(sentBytes / NODES / HOURS / 1024)} KiB sent per node and hour`);
      expect(wrong).toEqual([]);
      expect(gaps).toBeLessThanOrEqual(2 * orphans.length);
    },
    PATIENCE_MS,
  );
});
