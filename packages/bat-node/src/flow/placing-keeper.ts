// driven: the owner's daemon goes on placing what uploads could not: one file at a time, with pauses, until all is placed or time is over.
import type { Runtime } from '@batchain/shared';
import type { PlacingTimes } from '../limits.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { findMissing, type Placing, placingDelayMs, planNextTry } from '../placement/placing.ts';
import { happyCount } from '../placement/policy.ts';
import type { OwnedFile, OwnedLease } from '../storage/owner-store.ts';
import { DueLooker } from './due-looker.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { Health } from './flow-types.ts';
import { unpackHeld } from './held-list.ts';
import type { PeerTools } from './host-peer.ts';
import { readOwnManifest, writeHints } from './owned-manifest.ts';
import { type PlacingOutcome, PlacingRound } from './placing-round.ts';
import { createAbort, joinSignals } from './signals.ts';

interface Work {
  readonly fileId: string;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

export class PlacingKeeper {
  readonly #runtime: Runtime;
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #times: PlacingTimes;
  readonly #audit: (fileId: string) => Promise<unknown>;
  readonly #abort = createAbort();
  /** Files that are being released. */
  readonly #held = new Map<string, number>();
  readonly #looker: DueLooker;
  #work: Work | undefined;

  /** `audit` asks the hosts of a file that was audited before, so that its health rests on proofs again. */
  constructor(deps: FlowDeps, tools: PeerTools, audit: (fileId: string) => Promise<unknown>) {
    this.#runtime = deps.runtime;
    this.#deps = deps;
    this.#tools = tools;
    this.#times = deps.times.placing;
    this.#audit = audit;
    this.#looker = new DueLooker(deps.runtime, { name: 'placing', look: () => this.#tryDue(), delayMs: () => this.#delayMs() });
  }

  /** Goes on with what is on record. */
  start(): void {
    this.#looker.look();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#looker.stop();
  }

  /** An upload left something to do. */
  wake(): void {
    this.#looker.look();
  }

  /** Does something to a file while nothing of it is placed: it may be gone afterwards. */
  async without<T>(fileId: string, run: () => Promise<T>): Promise<T> {
    this.#held.set(fileId, (this.#held.get(fileId) ?? 0) + 1);
    try {
      if (this.#work?.fileId === fileId) {
        this.#work.abort.abort();
        await this.#work.done;
      }
      return await run();
    } finally {
      const count = (this.#held.get(fileId) ?? 1) - 1;
      if (count > 0) this.#held.set(fileId, count);
      else this.#held.delete(fileId);
      this.#looker.look();
    }
  }

  async #delayMs(): Promise<number | undefined> {
    const waiting = await this.#waiting();
    const nowMs = this.#runtime.clock.nowMs();
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ placing }) => placingDelayMs(placing, nowMs, this.#times)));
  }

  /** Files with something left to place, those that have waited longest first. */
  async #waiting(): Promise<{ readonly file: OwnedFile; readonly placing: Placing }[]> {
    const files = await this.#deps.ownerStore.list();
    return files
      .flatMap((file) =>
        file.placing === undefined || file.placing.isOver || this.#held.has(file.id) ? [] : [{ file, placing: file.placing }],
      )
      .sort((a, b) => a.placing.nextMs - b.placing.nextMs);
  }

  async #tryDue(): Promise<void> {
    for (const { file, placing } of await this.#waiting()) {
      if (this.#abort.signal.aborted) return;
      const isDue = placingDelayMs(placing, this.#runtime.clock.nowMs(), this.#times) === 0;
      if (isDue && !this.#held.has(file.id)) await this.#tryFile(file);
    }
  }

  async #tryFile(file: OwnedFile): Promise<void> {
    const abort = createAbort();
    let hasPlaced = false;
    const done = this.#try(file, joinSignals(abort.signal, this.#abort.signal)).then((placed) => {
      hasPlaced = placed;
    });
    this.#work = { fileId: file.id, abort, done };
    await done.finally(() => {
      this.#work = undefined;
    });
    if (hasPlaced && file.checkedAtMs !== null && !this.#held.has(file.id)) await this.#audit(file.id);
  }

  /** True when a host signed for something new. Never rejects. */
  async #try(file: OwnedFile, signal: AbortSignal): Promise<boolean> {
    try {
      const manifest = await readOwnManifest(this.#deps, file);
      if (manifest === undefined) {
        await this.#postpone(file, { placed: 0, reason: `its manifest is not at ${file.manifestPath} any more` });
        return false;
      }
      const outcome = await new PlacingRound(this.#deps, this.#tools, { manifest, owned: file }, signal).run();
      await this.#record(file, manifest, outcome);
      return outcome.leases.length > 0;
    } catch (error) {
      // Cancelled: what was stored is found again at the hosts.
      if (signal.aborted) return false;
      this.#runtime.log.warn('bat.placing.try-failed', { file: file.id, error: String(error) });
      await this.#postpone(file, { placed: 0, reason: String(error) }).catch(() => undefined);
      return false;
    }
  }

  async #record(file: OwnedFile, manifest: Manifest, outcome: PlacingOutcome): Promise<void> {
    const { leases } = outcome;
    const segmentCount = manifest.roster.segments.length;
    const updated = await this.#deps.ownerStore.update(file.id, (current) => withLeases(current, leases, segmentCount));
    if (updated === undefined) return;
    const fresh = outcome.hosts.map(({ nodeId, record }) => ({ nodeId, record: record?.bytes }));
    if (leases.length > 0) await writeHints(this.#deps, updated, fresh, new Set());
    if (missingOf(updated, segmentCount).size === 0) {
      await this.#deps.ownerStore.update(file.id, ({ placing: _, ...rest }) => rest);
      this.#runtime.log.info('bat.placing.done', { file: file.id, hosts: leases.length });
    } else {
      const reason = outcome.reason === '' ? 'a host did not sign for all of its shards' : outcome.reason;
      await this.#postpone(file, { placed: leases.length, reason });
    }
  }

  async #postpone(file: OwnedFile, outcome: { readonly placed: number; readonly reason: string }): Promise<void> {
    const nowMs = this.#runtime.clock.nowMs();
    const updated = await this.#deps.ownerStore.update(file.id, (current) =>
      current.placing === undefined ? current : { ...current, placing: planNextTry(current.placing, nowMs, this.#times, outcome) },
    );
    const placing = updated?.placing;
    if (placing === undefined) return;
    if (placing.isOver) this.#runtime.log.warn('bat.placing.given-up', { file: file.id, reason: placing.reason });
    else this.#runtime.log.info('bat.placing.waits', { file: file.id, reason: placing.reason, tries: placing.tries });
  }
}

/** The file with these leases beside or instead of those that it had, and the health that the receipts speak for. */
function withLeases(file: OwnedFile, leases: readonly OwnedLease[], segmentCount: number): OwnedFile {
  const kept = file.leases.filter((lease) => !leases.some(({ host }) => host === lease.host));
  const all = { ...file, leases: [...kept, ...leases] };
  // What an audit found counts for more; another one follows.
  if (file.checkedAtMs !== null || leases.length === 0) return all;
  const { n } = file.policy;
  const shardsHealthy = n - Math.max(0, ...[...missingOf(all, segmentCount).values()].map((indexes) => indexes.length));
  const health: Health = shardsHealthy >= n ? 'good' : shardsHealthy >= happyCount(file.policy) ? 'degraded' : 'at-risk';
  return { ...all, health, shardsHealthy };
}

function missingOf({ leases, policy }: OwnedFile, segmentCount: number): Map<number, number[]> {
  const holders = leases.map((lease) => new Map(unpackHeld(lease.shards).map(({ segment, index }) => [segment, index])));
  return findMissing(holders, segmentCount, policy.n);
}
