// driven: the owner's daemon renews the leases of its files every week, so that hosts keep the shards.
import { day, fromHex, hour, minute, parseNodeId, type Runtime, type Timer, toBatChainError, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { OwnedFile, OwnedLease } from '../storage/owner-store.ts';
import { mayHaveMoved } from './adopter.ts';
import type { FlowDeps } from './flow-deps.ts';
import { CLOCK_SKEW_MS, LEASE_MIN_MS } from './full-lease.ts';
import { unpackHeld } from './held-list.ts';
import { HostPeer, type PeerTools } from './host-peer.ts';
import { createAbort, withDeadline } from './signals.ts';

/** A lease is renewed when the last signature is older than this. */
const RENEW_AFTER_MS: number = 7 * day;
/** How often the list is looked through; a host that was offline is asked again at the next look. */
const LOOK_EVERY_MS: number = 6 * hour;
const FIRST_LOOK_MS = 60_000;
/** For a lookup of who else may have a file that a host does not renew. */
const LOOKUP_TIMEOUT_MS = 10_000;
/** After a look in which a record could not be read or written. */
const LOOK_AGAIN_MS: number = 10 * minute;

interface Look {
  readonly renewed: number;
  /** Files whose record could not be read or written. */
  readonly failed: number;
}

/** What came of asking one host. */
interface Renewal {
  readonly leaseUntilMs: number | undefined;
  /** It keeps fewer shards than it signed for. */
  readonly hasLess: boolean;
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
  readonly #audit: (fileId: string) => Promise<unknown>;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  /** `audit` finds the new holders of what was handed over, and has them sign. */
  constructor(deps: FlowDeps, tools: PeerTools, audit: (fileId: string) => Promise<unknown>) {
    this.#runtime = deps.runtime;
    this.#deps = deps;
    this.#tools = tools;
    this.#audit = audit;
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
    const dueNow = file.leases.filter((lease) => isDue(lease, nowMs));
    let hasLess = false;
    await Promise.all(
      dueNow.map(async (lease) => {
        if (away.has(lease.host)) return;
        const answer = await this.#renewAt(lease, fileId, away);
        hasLess ||= answer.hasLess;
        const { leaseUntilMs } = answer;
        // What it has signed for before stays what it answers for: a receipt that names less is no way out of an audit.
        if (leaseUntilMs !== undefined) renewed.set(lease.host, { ...lease, leaseUntilMs, renewedAtMs: this.#runtime.clock.nowMs() });
      }),
    );
    const count = renewed.size === 0 ? 0 : await this.#record(file, renewed);
    if (hasLess || renewed.size < dueNow.length) await this.#seekHolders(file, hasLess);
    return count;
  }

  /** A host has less than it signed for, or did not sign again: perhaps it handed over what it had, to somebody who is to sign now. */
  async #seekHolders(file: OwnedFile, hasLess: boolean): Promise<void> {
    const { signal } = this.#abort;
    const look = (late: AbortSignal): Promise<boolean> => mayHaveMoved(this.#deps, file, late);
    if (!hasLess && !(await withDeadline(this.#runtime.clock, LOOKUP_TIMEOUT_MS, signal, look))) return;
    try {
      await this.#audit(file.id);
    } catch (error) {
      if (!signal.aborted) this.#runtime.log.info('bat.renewer.not-audited', { file: file.id, ...describe(error) });
    }
  }

  async #record(file: OwnedFile, renewed: ReadonlyMap<string, OwnedLease>): Promise<number> {
    const kept = await this.#deps.ownerStore.update(file.id, (current) => ({
      ...current,
      leases: current.leases.map((lease) => withRenewal(lease, renewed.get(lease.host))),
    }));
    return kept === undefined ? 0 : renewed.size;
  }

  /** When the lease ends now, wall clock; undefined when the host did not sign for a full one. */
  async #renewAt(lease: OwnedLease, fileId: FileId, away: Set<string>): Promise<Renewal> {
    const { signal } = this.#abort;
    const { host } = lease;
    const nodeId = parseNodeId(host);
    if (nodeId === undefined) return { leaseUntilMs: undefined, hasLess: false };
    const peer = new HostPeer(this.#runtime, this.#tools, { nodeId, record: undefined });
    const receipt = await peer.ask(signal, (client) => client.renew(fileId, { signal }));
    if (!peer.isReached) away.add(host);
    if (receipt.ok && receipt.value.leaseUntilMs >= this.#runtime.clock.nowMs() + LEASE_MIN_MS) {
      const held = new Set(receipt.value.shards.map(({ segment, index }) => `${segment}/${index}`));
      const hasLess = unpackHeld(lease.shards).some(({ segment, index }) => !held.has(`${segment}/${index}`));
      return { leaseUntilMs: receipt.value.leaseUntilMs, hasLess };
    }
    this.#runtime.log.info('bat.renewer.refused', { host, file: toHex(fileId), reason: receipt.ok ? 'short-lease' : receipt.reason });
    return { leaseUntilMs: undefined, hasLess: !receipt.ok && receipt.reason === 'not-held' };
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
