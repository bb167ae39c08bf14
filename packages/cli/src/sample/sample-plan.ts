// pure: what a sample walk does: how many nodes, whom they join, which policy, how many may stop.
import { KiB } from '@batchain/shared';

/** Participants besides hosts and owner would only cost time. */
export const SAMPLE_NODES_MAX = 12;

/** Cuts the example file into four segments, as the demo of the seed had four shards on each host (BN-44). */
export const SAMPLE_SEGMENT_BYTES: number = 3 * KiB;

export interface SamplePlan {
  readonly scenario: 1 | 2 | 3;
  readonly hosts: number;
  readonly policy: { readonly k: number; readonly n: number };
  /** Hosts that are stopped before the download: as many as the policy tolerates. */
  readonly stopped: number;
  /** True when the owner is told all hosts, false when it finds them through the first by Kademlia. */
  readonly knowsAllHosts: boolean;
  readonly title: string;
}

const TITLES: Readonly<Record<SamplePlan['scenario'], string>> = {
  1: 'one file to one host',
  2: 'shards to hosts that are known by address',
  3: 'hosts are found by Kademlia through the first',
};

/** Any 40 % of the hosts restore the file; two hosts keep a copy each. */
function choosePolicy(hosts: number): SamplePlan['policy'] {
  return { k: Math.max(1, Math.round(0.4 * hosts)), n: hosts };
}

/** `nodes` counts the owner; scenario 1 has one host. */
export function planSample(scenario: 1 | 2 | 3, nodes: number): SamplePlan {
  const hosts = scenario === 1 ? 1 : nodes - 1;
  const policy = choosePolicy(hosts);
  return { scenario, hosts, policy, stopped: policy.n - policy.k, knowsAllHosts: scenario !== 3, title: TITLES[scenario] };
}
