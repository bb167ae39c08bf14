// pure: who may connect: counts of open inbound connections, in all and per IP, proved or not (T14).
import { isPrivateHost } from '@batchain/shared';
import {
  INBOUND_CONNECTIONS_PER_IP_MAX,
  INBOUND_SOCKETS_MAX,
  UNPROVED_CONNECTIONS_MAX,
  UNPROVED_CONNECTIONS_PER_IP_MAX,
} from '../limits.ts';

export interface AdmissionLimits {
  readonly connectionsMax: number;
  readonly connectionsPerIpMax: number;
  readonly unprovedMax: number;
  readonly unprovedPerIpMax: number;
}

export const ADMISSION_LIMITS: AdmissionLimits = {
  connectionsMax: INBOUND_SOCKETS_MAX,
  connectionsPerIpMax: INBOUND_CONNECTIONS_PER_IP_MAX,
  unprovedMax: UNPROVED_CONNECTIONS_MAX,
  unprovedPerIpMax: UNPROVED_CONNECTIONS_PER_IP_MAX,
};

/** `host`: this one has its share; `all`: the places of all are taken, and one of them may give way. */
export type AdmissionRefusal = 'host' | 'all';

interface Counts {
  open: number;
  unproved: number;
}

/** One connection's place. Both calls may be repeated. */
export interface AdmissionTicket {
  /** The peer has proved its key and said something: the place no longer counts as unproved. */
  markProved(): void;
  release(): void;
}

/** Counts inbound connections. Private and loopback hosts are exempt from the counts per IP, not from the totals. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #all: Counts = { open: 0, unproved: 0 };
  readonly #byHost = new Map<string, Counts>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#all.open;
  }

  get unproved(): number {
    return this.#all.unproved;
  }

  /** A place for one more connection from `host`, or why there is none. */
  admit(host: string): AdmissionTicket | AdmissionRefusal {
    const limits = this.#limits;
    const ofHost = this.#byHost.get(host) ?? { open: 0, unproved: 0 };
    const isFull = ofHost.open >= limits.connectionsPerIpMax || ofHost.unproved >= limits.unprovedPerIpMax;
    if (isFull && !isPrivateHost(host)) return 'host';
    if (this.#all.open >= limits.connectionsMax || this.#all.unproved >= limits.unprovedMax) return 'all';
    this.#byHost.set(host, ofHost);
    const counts = [this.#all, ofHost];
    for (const count of counts) {
      count.open += 1;
      count.unproved += 1;
    }
    let isProved = false;
    let isReleased = false;
    const markProved = (): void => {
      if (isProved) return;
      isProved = true;
      for (const count of counts) count.unproved -= 1;
    };
    return {
      markProved,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        markProved();
        for (const count of counts) count.open -= 1;
        if (ofHost.open === 0) this.#byHost.delete(host);
      },
    };
  }
}
