// pure: the DatagramSocket port of KadNodes; adapters: UDP, simulated, and later datagrams inside a connection.
import type { Address } from './address.ts';

export type DatagramHandler = (bytes: Uint8Array, from: Address) => void;

/** Unreliable, unordered datagrams. Sending never throws and never tells whether a datagram arrived. */
export interface DatagramSocket {
  /** Binds. Rejects with BAT_E_PORT_IN_USE and the like. */
  open(onDatagram: DatagramHandler): Promise<void>;
  /** The bound address; host may be unspecified (`0.0.0.0`). Only after open. */
  readonly localAddress: Address;
  send(bytes: Uint8Array, to: Address): void;
  close(): Promise<void>;
}
