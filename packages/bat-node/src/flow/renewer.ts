// driven: the owner's daemon renews the leases of its files every week, so that hosts keep the shards.
import { day, hour, parseNodeId, type Runtime, type Timer } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { OwnedFile, OwnedLease } from '../storage/owner-store.ts';
import type { FileLibrary } from './file-library.ts';
import type { FlowDeps } from './flow-deps.ts';
import { packHeld } from './held-list.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';

/** A lease is renewed when the last signature is older than this. */
const RENEW_AFTER_MS: number = 7 * day;
/** How often the list is looked through; a host that was offline is asked again at the next look. */
const LOOK_EVERY_MS: number = 6 * hour;
const FIRST_LOOK_MS = 60_000;

export class Renewer {
  readonly #runtime: Runtime;
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #library: FileLibrary;
  readonly #abort = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: FlowDeps, tools: PeerTools, library: FileLibrary) {
    this.#runtime = deps.runtime;
    this.#deps = deps;
    this.#tools = tools;
    this.#library = library;
  }

  start(): void {
    this.#arm(FIRST_LOOK_MS);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#abort.abort();
    await this.#running.catch(() => undefined);
  }

  /** Renews what is due now; the number of leases that hosts signed for again. */
  async renewDue(): Promise<number> {
    let renewed = 0;
    for (const file of await this.#deps.ownerStore.list()) {
      const nowMs = this.#runtime.clock.nowMs();
      const due = file.leases.filter((lease) => nowMs - lease.renewedAtMs >= RENEW_AFTER_MS);
      if (due.length === 0) continue;
      renewed += await this.#renewFile(file, new Set(due.map((lease) => lease.host)));
      if (this.#abort.signal.aborted) break;
    }
    return renewed;
  }

  #arm(delayMs: number): void {
    const jitterMs = this.#runtime.random.below(Math.max(1, Math.floor(delayMs / 10)));
    this.#timer = this.#runtime.clock.setTimer(delayMs + jitterMs, () => {
      this.#running = this.renewDue()
        .then((renewed) => this.#runtime.log.info('bat.renewer.looked', { renewed }))
        .catch((error: unknown) => this.#runtime.log.warn('bat.renewer.failed', { error: String(error) }))
        .finally(() => {
          if (!this.#abort.signal.aborted) this.#arm(LOOK_EVERY_MS);
        });
    });
  }

  async #renewFile(file: OwnedFile, due: ReadonlySet<string>): Promise<number> {
    const { manifest } = await this.#library.find(file.manifestPath);
    let renewed = 0;
    const leases: OwnedLease[] = await Promise.all(
      file.leases.map(async (lease) => {
        if (!due.has(lease.host)) return lease;
        const receipt = await this.#renewAt(lease.host, manifest.roster.fileId);
        if (receipt === undefined) return lease;
        renewed++;
        return {
          host: lease.host,
          leaseUntilMs: receipt.leaseUntilMs,
          renewedAtMs: this.#runtime.clock.nowMs(),
          shards: packHeld(receipt.shards, manifest.roster.segments.length),
        };
      }),
    );
    const current = await this.#deps.ownerStore.get(file.id);
    if (current !== undefined) await this.#deps.ownerStore.put({ ...current, leases });
    return renewed;
  }

  async #renewAt(
    host: string,
    fileId: FileId,
  ): Promise<{ leaseUntilMs: number; shards: readonly { segment: number; index: number }[] } | undefined> {
    const nodeId = parseNodeId(host);
    if (nodeId === undefined) return undefined;
    const { signal } = this.#abort;
    const record = await this.#deps.locator.resolve(nodeId, signal).catch(() => undefined);
    const client = await new HostPeer(this.#runtime, this.#tools, { nodeId, record }).client(signal);
    if (!client.ok) return undefined;
    const receipt = await client.value.renew(fileId, { signal });
    return receipt.ok ? receipt.value : undefined;
  }
}
