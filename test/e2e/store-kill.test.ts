import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { KiB, MiB } from '@batchain/shared';
import { SimRandom } from '@batchain/shared/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('../support/store-child.ts', import.meta.url));
/** More for a night: KILLS=1000. */
const KILLS = Number(process.env.KILLS ?? 50);
/** A busy machine gets fewer, but not fewer than these. */
const TIME_MS_MAX = process.env.KILLS === undefined ? 50_000 : Number.POSITIVE_INFINITY;
const KILLS_MIN = 15;
const LIFE_MS_MAX = 150;
/** Some are killed at a moment after the spawn instead, most of them while the store opens. */
const BIRTH_MS_MAX = 1000;
const RESTART_MS_MAX = 5000;
/** From one leaf to several writes, so that a kill lands in every phase. */
const SIZES = [4 * KiB, 64 * KiB, 300 * KiB, 4 * KiB, 64 * KiB, MiB];

type Fate = 'stored' | 'released' | 'in doubt';

/** What a host has said of its shards, life after life. */
class Witness {
  readonly fates = new Map<number, Fate>();
  readonly faults: string[] = [];
  #held = new Set<number>();
  highest = -1;
  stored = 0;

  hear(line: string): void {
    const [word = '', digits = '', ...rest] = line.split(' ');
    const number = Number(digits);
    if (word === 'holds') this.#hearHeld(number, rest.join(' '));
    else if (word === 'ready') this.#compare();
    else if (word === 'storing' || word === 'releasing') this.fates.set(number, 'in doubt');
    else if (word === 'stored' || word === 'released') this.fates.set(number, word);
    else this.faults.push(line);
    if (word === 'stored') this.stored++;
    this.highest = Math.max(this.highest, word === 'storing' ? number : -1);
  }

  /** It was killed before it had listed all. */
  hearNoMore(): void {
    this.#held = new Set();
  }

  #hearHeld(number: number, state: string): void {
    this.#held.add(number);
    if (state !== 'right') this.faults.push(`shard ${number} is ${state}`);
    if (!this.fates.has(number)) this.faults.push(`shard ${number} was never stored`);
  }

  #compare(): void {
    for (const [number, fate] of this.fates) {
      const isHeld = this.#held.has(number);
      if (fate === 'stored' && !isHeld) this.faults.push(`shard ${number} was acknowledged and is lost`);
      if (fate === 'released' && isHeld) this.faults.push(`shard ${number} was released and came back`);
      if (fate === 'in doubt') this.fates.set(number, isHeld ? 'stored' : 'released');
    }
    this.#held = new Set();
  }
}

interface Life {
  /** Killed so long after it was spawned, ready or not. */
  readonly afterSpawnMs?: number;
  /** Killed so long after it was ready. */
  readonly afterReadyMs?: number;
}

/** Resolves when the process is gone and all it said was heard; with how long it took to be ready, 0 if it never was. */
async function live(home: string, witness: Witness, life: Life): Promise<number> {
  const beganAtMs = performance.now();
  let readyAfterMs = 0;
  const args = ['--conditions=@batchain/source', '--import', 'tsx', CHILD, home, String(witness.highest + 1), ...SIZES.map(String)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('close', (_code, signal) => resolve(signal));
  });
  const killAfter = (ms: number) => setTimeout(() => child.kill('SIGKILL'), ms);
  const lines = createInterface({ input: child.stdout });
  const heard = new Promise((resolve) => lines.once('close', resolve));
  lines.on('line', (line) => {
    witness.hear(line);
    if (line !== 'ready') return;
    readyAfterMs = performance.now() - beganAtMs;
    if (life.afterReadyMs !== undefined) killAfter(life.afterReadyMs);
  });
  const limit = killAfter(life.afterSpawnMs ?? 20_000);
  expect(await closed).toBe('SIGKILL');
  await heard;
  clearTimeout(limit);
  if (readyAfterMs === 0) witness.hearNoMore();
  return readyAfterMs;
}

describe('a host that is killed', () => {
  let home = '';
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'batchain-kill-'));
  });
  afterAll(() => rm(home, { recursive: true }));

  it(
    `BN-49 I9 still has every acknowledged shard after each of ${KILLS} kills, and starts quickly`,
    async () => {
      const random = SimRandom.fromSeed('kills', 'moments');
      const witness = new Witness();
      let slowestMs = 0;
      const beganAtMs = performance.now();
      let kill = 0;
      for (; kill < KILLS && (kill < KILLS_MIN || performance.now() - beganAtMs < TIME_MS_MAX); kill++) {
        const isBorn = random.below(5) > 0;
        const life = isBorn ? { afterReadyMs: random.below(LIFE_MS_MAX) } : { afterSpawnMs: random.below(BIRTH_MS_MAX) };
        slowestMs = Math.max(slowestMs, await live(home, witness, life));
        expect(witness.faults, `after ${kill} kills`).toEqual([]);
      }
      await live(home, witness, { afterReadyMs: 0 });
      expect(witness.faults).toEqual([]);
      expect(witness.stored).toBeGreaterThan(kill * 2);
      expect(slowestMs).toBeLessThan(RESTART_MS_MAX);
      process.stdout.write(`  ${kill} kills, ${witness.stored} shards acknowledged, slowest start ${Math.round(slowestMs)} ms\n`);
    },
    KILLS * 4000,
  );
});
