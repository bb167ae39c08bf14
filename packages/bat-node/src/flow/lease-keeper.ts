// driven: renews the provisional leases of an upload while it runs, so that a long one does not outlive its beginning.
import { hour, type Runtime, type Timer } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { HostPeer } from './host-peer.ts';

/** A quarter of a provisional lease: three attempts fail before one lapses. */
const RENEW_EVERY_MS: number = 6 * hour;

export class LeaseKeeper {
  readonly #runtime: Runtime;
  readonly #fileId: FileId;
  readonly #peers: () => Iterable<HostPeer>;
  readonly #signal: AbortSignal;
  #timer: Timer;

  constructor(runtime: Runtime, fileId: FileId, peers: () => Iterable<HostPeer>, signal: AbortSignal) {
    this.#runtime = runtime;
    this.#fileId = fileId;
    this.#peers = peers;
    this.#signal = signal;
    this.#timer = this.#arm();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #arm(): Timer {
    return this.#runtime.clock.setTimer(RENEW_EVERY_MS, () => {
      this.#renewAll().catch((error: unknown) => this.#runtime.log.warn('bat.upload.renew-failed', { error: String(error) }));
      this.#timer = this.#arm();
    });
  }

  async #renewAll(): Promise<void> {
    for (const peer of this.#peers()) {
      await peer.ask(this.#signal, (client) => client.renew(this.#fileId, { signal: this.#signal }));
    }
  }
}
