// driven: opens a connection to a node by dialling the addresses of its contact record, with the newest record when the known one fails.
import type { Connection, ContactRecord, Dialer, DialFailure, NodeId, Result, Runtime } from '@batchain/shared';
import { DIAL_ADDRESS_TIMEOUT_MS } from '../limits.ts';
import type { Opener, ProviderHint } from '../ports.ts';
import { dialFirst } from './dial-race.ts';

export interface DirectOpenerParts {
  readonly dialer: Dialer;
  /** The newest contact record of a node. */
  readonly resolve: (nodeId: NodeId, signal: AbortSignal) => Promise<ContactRecord | undefined>;
}

/** The Opener of a network in which everybody can dial everybody. */
export class DirectOpener implements Opener {
  readonly #runtime: Runtime;
  readonly #parts: DirectOpenerParts;

  constructor(runtime: Runtime, parts: DirectOpenerParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  async open(target: ProviderHint, signal: AbortSignal): Promise<Result<Connection, DialFailure>> {
    const { dialer, resolve } = this.#parts;
    const race = { signal, timeoutMs: DIAL_ADDRESS_TIMEOUT_MS };
    const dialled = await dialFirst(this.#runtime, dialer, target.record?.contact.batAddresses ?? [], target.nodeId, race);
    if (dialled.ok || signal.aborted) return dialled;
    // The record was old, or there was none: ask for the newest, and try what it adds.
    const record = await resolve(target.nodeId, signal).catch(() => undefined);
    const isNewer = record !== undefined && record.contact.sequence > (target.record?.contact.sequence ?? -1);
    return isNewer ? dialFirst(this.#runtime, dialer, record.contact.batAddresses, target.nodeId, race) : dialled;
  }
}
