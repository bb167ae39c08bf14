// pure: what the packets that come in say of the paths between two ends that punch, and what has to be answered.
import { type Address, formatAddress } from '@batchain/shared';
import { HAND_PUNCH_PATHS_MAX } from '../../limits.ts';
import type { PunchPacketKind, PunchRole } from './punch-packet.ts';

/** One of our sockets and the address of the peer that it hears. */
export interface PunchPath {
  readonly socket: number;
  readonly remote: Address;
}

interface KnownPath extends PunchPath {
  /** The peer has said that it hears us here as well. */
  isOpen: boolean;
}

export interface PunchReply {
  readonly kind: PunchPacketKind;
  readonly path: PunchPath;
}

/**
 * A path is open when the peer's packets come in on it and one of them says that ours do. Of the open ones the caller takes the
 * first; the called one takes what the caller took.
 */
export class PunchPaths {
  readonly #role: PunchRole;
  readonly #paths = new Map<string, KnownPath>();
  #taken: PunchPath | undefined;
  #isAgreed = false;

  constructor(role: PunchRole) {
    this.#role = role;
  }

  /** The path that this end goes with. */
  get taken(): PunchPath | undefined {
    return this.#taken;
  }

  /** Both ends are known to go with it. */
  get isAgreed(): boolean {
    return this.#isAgreed;
  }

  /** Something of the peer has come in: probing blindly is of no use any more. */
  get isHeard(): boolean {
    return this.#paths.size > 0;
  }

  /** An authentic packet of the peer came in; what to send back, on that path. */
  receive(kind: PunchPacketKind, socket: number, remote: Address): readonly PunchReply[] {
    const name = `${socket} ${formatAddress(remote)}`;
    let path = this.#paths.get(name);
    const isNew = path === undefined;
    if (path === undefined) {
      if (this.#paths.size >= HAND_PUNCH_PATHS_MAX) return [];
      path = { socket, remote, isOpen: false };
      this.#paths.set(name, path);
    }
    const wasOpen = path.isOpen;
    if (kind !== 'knock') path.isOpen = true;
    if (this.#role === 'called') return this.#receiveAsCalled(kind, path, isNew || !wasOpen);
    if (kind === 'taken' && this.#taken === path) this.#isAgreed = true;
    if (path.isOpen && this.#taken === undefined) {
      this.#taken = path;
      return [{ kind: 'take', path }];
    }
    return this.#taken === undefined ? [{ kind: 'heard', path }] : [];
  }

  #receiveAsCalled(kind: PunchPacketKind, path: KnownPath, isNews: boolean): readonly PunchReply[] {
    if (kind === 'take' && (this.#taken === undefined || this.#taken === path)) {
      this.#taken = path;
      this.#isAgreed = true;
      return [{ kind: 'taken', path }];
    }
    // A `heard` is answered once: the caller may not know yet that we hear it; two that always answered would never end.
    return this.#taken === undefined && (kind === 'knock' || isNews) ? [{ kind: 'heard', path }] : [];
  }

  /** What is sent again while nothing is agreed: packets get lost. */
  repeat(): readonly PunchReply[] {
    if (this.#isAgreed) return [];
    if (this.#taken !== undefined) return [{ kind: 'take', path: this.#taken }];
    return [...this.#paths.values()].map((path) => ({ kind: 'heard', path }));
  }
}
