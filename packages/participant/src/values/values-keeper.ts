// driven: what values need done by themselves: expiry, what a crash or an absence left undone, and letting go of what is over.
import { fromHex, type Runtime, type Timer, toBatChainError, toHex } from '@batchain/shared';
import { VALUE_KEEPER_AGAIN_MS, VALUE_KEEPER_WAIT_MAX_MS, VALUE_RESTORE_PAUSE_MS, VALUE_TOMBSTONE_KEPT_MS } from '../limits.ts';
import type { CatalogRow } from './catalog-row.ts';
import type { KeyedTurns } from './keyed-turns.ts';
import { type LocalValues, nextExpiry } from './local-values.ts';
import { envelopeOf, fileIdsOf, isExpired, type NetworkValues } from './network-values.ts';
import type { OwnPieces } from './own-pieces.ts';
import { isSettled, type RowPublisher } from './row-publisher.ts';
import type { ValueCatalog } from './value-catalog.ts';
import type { ValueFiles } from './value-files.ts';
import type { ValueHosts, ValueNetwork } from './value-network.ts';

export interface ValuesKeeperParts {
  readonly catalog: ValueCatalog;
  readonly pieces: OwnPieces;
  readonly publisher: RowPublisher;
  readonly network: ValueNetwork;
  readonly hosts: ValueHosts;
  readonly files: ValueFiles;
  readonly networkValues: NetworkValues;
  readonly localValues: LocalValues;
  readonly turns: KeyedTurns;
  readonly localTurns: KeyedTurns;
}

export class ValuesKeeper {
  readonly #runtime: Runtime;
  readonly #parts: ValuesKeeperParts;
  readonly #signal: AbortSignal;
  /** Backing files of puts that never came to an end, hex. */
  #orphans: readonly string[] = [];
  /** Pieces and rows have been compared with what the KadNode keeps alive. */
  #isRestored = false;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isAgain = false;

  constructor(runtime: Runtime, parts: ValuesKeeperParts, signal: AbortSignal) {
    this.#runtime = runtime;
    this.#parts = parts;
    this.#signal = signal;
  }

  /** Before any put: nothing is under way, so whatever no row names is a leftover. */
  async start(): Promise<void> {
    const { hosts, files, catalog } = this.#parts;
    const named = new Set(catalog.entries().flatMap(([, row]) => fileIdsOf(row)));
    const ours = (await hosts.list()).filter(({ manifestPath }) => files.isManifest(manifestPath));
    this.#orphans = ours.map(({ fileId }) => toHex(fileId)).filter((id) => !named.has(id));
    this.wake();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#running;
  }

  /** There may be something to do: the network was joined, or a value was put, removed, or given a time to live. */
  wake(): void {
    if (this.#signal.aborted) return;
    if (this.#running !== undefined) {
      this.#isAgain = true;
      return;
    }
    this.#timer?.cancel();
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isAgain) this.wake();
      else this.#arm();
    });
  }

  async #run(): Promise<void> {
    this.#isAgain = false;
    const steps = [() => this.#expire(), () => this.#forgetTombstones(), () => this.#finish(), () => this.#restore(), () => this.#sweep()];
    for (const step of steps) {
      if (this.#signal.aborted) return;
      try {
        await step();
      } catch (error) {
        if (!this.#signal.aborted) this.#runtime.log.warn('values.keeper.failed', { error: toBatChainError(error).message });
      }
    }
  }

  #arm(): void {
    if (this.#signal.aborted) return;
    const { catalog, localValues } = this.#parts;
    const nowMs = this.#runtime.clock.nowMs();
    const times = catalog.entries().map(([key, row]) => envelopeOf(key, row)?.expiresMs ?? 0);
    const next = nextExpiry([...times, localValues.nextExpiryMs() ?? 0]);
    const isUndone = !this.#isRestored || this.#orphans.length > 0 || catalog.entries().some(([, row]) => isUndoneRow(row));
    const untilExpiryMs = next === undefined ? VALUE_KEEPER_WAIT_MAX_MS : Math.max(0, next - nowMs);
    const waitMs = Math.min(untilExpiryMs, VALUE_KEEPER_WAIT_MAX_MS, isUndone ? VALUE_KEEPER_AGAIN_MS : VALUE_KEEPER_WAIT_MAX_MS);
    // One that can not be removed now is tried again in a while, not at once.
    const leastMs = next !== undefined && next <= nowMs ? VALUE_KEEPER_AGAIN_MS : 1;
    this.#timer = this.#runtime.clock.setTimer(Math.max(waitMs, leastMs), () => this.wake());
  }

  async #expire(): Promise<void> {
    const { catalog, localValues, networkValues, turns, localTurns } = this.#parts;
    for (const key of localValues.expired())
      await localTurns.run(key, async () => {
        if (localValues.expired().includes(key)) await localValues.remove(key);
      });
    const isOver = (key: string): boolean => {
      const row = catalog.get(key);
      const envelope = row === undefined ? undefined : envelopeOf(key, row);
      return envelope !== undefined && isExpired(envelope, this.#runtime.clock.nowMs());
    };
    for (const [key] of catalog.entries().filter(([key]) => isOver(key)))
      await turns.run(key, async () => {
        if (isOver(key)) await networkValues.remove(key, this.#signal);
      });
  }

  async #forgetTombstones(): Promise<void> {
    const { catalog, turns } = this.#parts;
    const isOver = (row: CatalogRow | undefined): boolean =>
      row?.state === 'removed' && row.oldFiles.length === 0 && this.#runtime.clock.nowMs() - row.changedMs > VALUE_TOMBSTONE_KEPT_MS;
    for (const [key, row] of catalog.entries())
      if (isOver(row))
        await turns.run(key, async () => {
          if (isOver(catalog.get(key))) await catalog.delete(key);
        });
  }

  /** What was decided and has not reached anybody, and the files of what it replaced. */
  async #finish(): Promise<void> {
    const { catalog, network, publisher, turns } = this.#parts;
    for (const [key] of catalog.entries().filter(([, row]) => isUndoneRow(row))) {
      if (!network.isJoined) return;
      await turns.run(key, async () => {
        const row = catalog.get(key);
        if (row !== undefined && !isSettled(row)) await publisher.publish(key, this.#signal);
        await publisher.releaseFiles(key, this.#signal);
      });
    }
  }

  /** Once after a start: the KadNode's own state may be minutes older than the catalog when it was killed. */
  async #restore(): Promise<void> {
    const { catalog, network, pieces, publisher, turns } = this.#parts;
    if (this.#isRestored || !network.isJoined) return;
    await pieces.restore(this.#signal);
    for (const [key] of catalog.entries()) {
      const isAtWork = (): boolean => {
        const row = catalog.get(key);
        return row === undefined || publisher.isAtWork(key, row);
      };
      if (isAtWork()) continue;
      await turns.run(key, async () => {
        if (!isAtWork()) await publisher.publish(key, this.#signal);
      });
      await this.#runtime.clock.sleep(VALUE_RESTORE_PAUSE_MS, this.#signal);
    }
    this.#isRestored = true;
  }

  async #sweep(): Promise<void> {
    if (this.#orphans.length === 0 || !this.#parts.network.isJoined) return;
    for (const id of this.#orphans) {
      await this.#parts.publisher.releaseFile(fromHex(id) as Uint8Array, this.#signal);
      this.#orphans = this.#orphans.filter((other) => other !== id);
    }
  }
}

function isUndoneRow(row: CatalogRow): boolean {
  return !isSettled(row) || row.oldFiles.length > 0;
}
