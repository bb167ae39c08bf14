// driven: the owner's daemon renews the leases of its files every week, so that hosts keep the shards.
import { day, fromHex, hour, minute, parseNodeId, type Runtime, type Timer, toBatChainError, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { OwnedLease } from '../storage/owner-store.ts';
import type { FlowDeps } from './flow-deps.ts';
import { CLOCK_SKEW_MS, LEASE_MIN_MS } from './full-lease.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { createAbort } from './signals.ts';

/** A lease is renewed when the last signature is older than this. */
const RENEW_AFTER_MS: number = 7 * day;
/** How often the list is looked through; a host that was offline is asked again at the next look. */
const LOOK_EVERY_MS: number = 6 * hour;
const FIRST_LOOK_MS = 60_000;
/** After a look in which a record could not be read or written. */
const LOOK_AGAIN_MS: number = 10 * minute;

interface Look {
  readonly renewed: number;
  /** Files whose record could not be read or written. */
  readonly failed: number;
}

function describe(error: unknown): { readonly error: string; readonly why: string } {
  const { what, why } = toBatChainError(error);
  return { error: what, why };
}

export class Renewer {
  readonly #runtime: Runtime;
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #abort = createAbort();
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: FlowDeps, tools: PeerTools) {
    this.#runtime = deps.runtime;
    this.#deps = deps;
    this.#tools = tools;
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
    return (await this.#look()).renewed;
  }

  async #look(): Promise<Look> {
    const look = { renewed: 0, failed: 0 };
    // Hosts that did not answer in this round: their other files wait for the next one.
    const away = new Set<string>();
    for (const id of await this.#deps.ownerStore.ids()) {
      if (this.#abort.signal.aborted) break;
      try {
        look.renewed += await this.#renewFile(id, away);
      } catch (error) {
        // The other files are not to lose their leases for it.
        look.failed++;
        this.#runtime.log.warn('bat.renewer.file-failed', { file: id, ...describe(error) });
      }
    }
    return look;
  }

  #arm(delayMs: number): void {
    const jitterMs = this.#runtime.random.below(Math.max(1, Math.floor(delayMs / 10)));
    this.#timer = this.#runtime.clock.setTimer(delayMs + jitterMs, () => {
      this.#running = this.#look()
        .catch((error: unknown): Look => {
          this.#runtime.log.warn('bat.renewer.failed', describe(error));
          return { renewed: 0, failed: 1 };
        })
        .then((look) => {
          this.#runtime.log.info('bat.renewer.looked', { ...look });
          if (!this.#abort.signal.aborted) this.#arm(look.failed > 0 ? LOOK_AGAIN_MS : LOOK_EVERY_MS);
        });
    });
  }

  async #renewFile(id: string, away: Set<string>): Promise<number> {
    const file = await this.#deps.ownerStore.get(id);
    const nowMs = this.#runtime.clock.nowMs();
    if (file?.leases.some((lease) => isDue(lease, nowMs)) !== true) return 0;
    const fileId = fromHex(file.id) as FileId;
    const renewed = new Map<string, OwnedLease>();
    const due = file.leases.filter((lease) => isDue(lease, nowMs) && !away.has(lease.host));
    await Promise.all(
      due.map(async (lease) => {
        const leaseUntilMs = await this.#renewAt(lease.host, fileId, away);
        // What it has signed for before stays what it answers for: a receipt that names less is no way out of an audit.
        if (leaseUntilMs !== undefined) renewed.set(lease.host, { ...lease, leaseUntilMs, renewedAtMs: this.#runtime.clock.nowMs() });
      }),
    );
    if (renewed.size === 0) return 0;
    const kept = await this.#deps.ownerStore.update(file.id, (current) => ({
      ...current,
      leases: current.leases.map((lease) => withRenewal(lease, renewed.get(lease.host))),
    }));
    return kept === undefined ? 0 : renewed.size;
  }

  /** When the lease ends now, wall clock; undefined when the host did not sign for a full one. */
  async #renewAt(host: string, fileId: FileId, away: Set<string>): Promise<number | undefined> {
    const { signal } = this.#abort;
    const nodeId = parseNodeId(host);
    if (nodeId === undefined) return undefined;
    const peer = new HostPeer(this.#runtime, this.#tools, { nodeId, record: undefined });
    const receipt = await peer.ask(signal, (client) => client.renew(fileId, { signal }));
    if (!peer.isReached) away.add(host);
    if (receipt.ok && receipt.value.leaseUntilMs >= this.#runtime.clock.nowMs() + LEASE_MIN_MS) return receipt.value.leaseUntilMs;
    this.#runtime.log.info('bat.renewer.refused', { host, file: toHex(fileId), reason: receipt.ok ? 'short-lease' : receipt.reason });
    return undefined;
  }
}

/** The shards stay those on record: others may have been placed there meanwhile. */
function withRenewal(lease: OwnedLease, renewed: OwnedLease | undefined): OwnedLease {
  return renewed === undefined ? lease : { ...renewed, shards: lease.shards };
}

/** A week after the last signature; at once when that lies in the future: the clock was set back, by who knows how much. */
function isDue({ renewedAtMs }: OwnedLease, nowMs: number): boolean {
  return nowMs - renewedAtMs >= RENEW_AFTER_MS || renewedAtMs - nowMs >= CLOCK_SKEW_MS;
}
