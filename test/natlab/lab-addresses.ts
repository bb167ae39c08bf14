// Which addresses belong to a lab, so that anything else in its traffic stands out.
import { BlockList } from 'node:net';

const LAB = new BlockList();
/** The lab's internet, the networks of homes and carriers, and what never leaves a link: discovery and broadcast. */
for (const [network, prefix] of [
  ['203.0.113.0', 24],
  ['198.51.100.0', 24],
  ['192.0.2.0', 24],
  ['198.18.0.0', 15],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
] as const)
  LAB.addSubnet(network, prefix);
/** mDNS, SSDP, IGMP reports and PCP's group of all hosts, broadcast, unspecified. */
for (const address of ['224.0.0.251', '239.255.255.250', '224.0.0.22', '224.0.0.1', '255.255.255.255', '0.0.0.0']) LAB.addAddress(address);

export const isLabAddress = (address: string): boolean => LAB.check(address);
