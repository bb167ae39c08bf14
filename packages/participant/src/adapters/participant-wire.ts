// pure: the port of all that a participant sends and receives through: who wants to stand between wraps it.
import type { DatagramSocket, Dialer, Listener } from '@batchain/shared';

export interface ParticipantWire {
  /** A UDP socket that is not open yet; port 0 takes a free one. */
  readonly makeSocket: (port: number) => DatagramSocket;
  readonly dialer: Dialer;
  readonly listener: Listener;
}
