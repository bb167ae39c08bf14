// driven: sums of what a simulated host exchanges with one remote address.
import { type Address, equalAddress } from '../net/address.ts';
import type { SimHost } from './sim-host.ts';

/** Bytes and datagrams between a host and one remote address, as the host sees it. */
export interface RemoteTraffic {
  readonly sentBytes: number;
  readonly sentDatagrams: number;
  readonly receivedBytes: number;
  readonly receivedDatagrams: number;
}

/** Sums up, from now on, the datagrams between `host` and `remote`; for the rule that nobody unproved gets more than it sent. */
export function countTraffic(host: SimHost, remote: Address): () => RemoteTraffic {
  let sums: RemoteTraffic = { sentBytes: 0, sentDatagrams: 0, receivedBytes: 0, receivedDatagrams: 0 };
  host.network.tap((event) => {
    if (event.host !== host || event.protocol !== 'udp') return;
    if (event.stage === 'sent' && equalAddress(event.to, remote)) {
      sums = { ...sums, sentBytes: sums.sentBytes + event.bytes.length, sentDatagrams: sums.sentDatagrams + 1 };
    }
    if (event.stage === 'delivered' && equalAddress(event.from, remote)) {
      sums = { ...sums, receivedBytes: sums.receivedBytes + event.bytes.length, receivedDatagrams: sums.receivedDatagrams + 1 };
    }
  });
  return () => sums;
}
