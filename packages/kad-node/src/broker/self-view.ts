// pure: what a node knows of its own place in the network, put together from what was observed and tried.
import type { Address } from '@batchain/shared';
import type { MappingView } from './nat-classifier.ts';
import type { UdpState } from './udp-verdict.ts';

/** Whose datagrams pass through to an endpoint that has sent something before (RFC 4787 section 5). */
export type NatFiltering = 'unknown' | 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';

/** What dial-backs have shown; undefined where nothing has. */
export interface ReachFindings {
  /** A datagram came in from another port of an IP that we had sent to. */
  readonly fromOtherPort: boolean | undefined;
  /** One came in from an IP that we had not sent to. */
  readonly fromStranger: boolean | undefined;
  /** One came in at this port of our external IP, which is not where peers see us; 0: tried in vain. */
  readonly forwardedPort: number | undefined;
  /** Our bat port answered to a dial from outside. */
  readonly bat: boolean | undefined;
}

export const NO_FINDINGS: ReachFindings = { fromOtherPort: undefined, fromStranger: undefined, forwardedPort: undefined, bat: undefined };

export interface SelfView extends MappingView {
  readonly filtering: NatFiltering;
  readonly udp: UdpState;
  /** Whether strangers' datagrams reach our Kad port; undefined while that is not known. */
  readonly kadReachable: boolean | undefined;
  /** Where they do: a forwarded port, or where peers see us. */
  readonly kadReachableAt: Address | undefined;
  readonly batReachable: boolean | undefined;
}

function classifyFiltering({ fromOtherPort, fromStranger }: ReachFindings): NatFiltering {
  if (fromStranger === true) return 'endpoint-independent';
  if (fromOtherPort === false) return 'address-and-port-dependent';
  return fromOtherPort === true && fromStranger === false ? 'address-dependent' : 'unknown';
}

/**
 * Where nobody was there to play the stranger, what comes from another port decides: filters that look at the IP alone are rare,
 * and in a small network all forwarded ports would go unused.
 */
function judgeKadReach({ mapping }: MappingView, udp: UdpState, findings: ReachFindings): boolean | undefined {
  const { fromOtherPort, fromStranger, forwardedPort = 0 } = findings;
  if (udp === 'blocked') return false;
  if (forwardedPort > 0) return true;
  // A port that each destination sees otherwise can be told to nobody.
  if (mapping === 'address-dependent' || mapping === 'address-and-port-dependent') return false;
  return fromStranger ?? fromOtherPort;
}

export function makeSelfView(mapping: MappingView, udp: UdpState, findings: ReachFindings): SelfView {
  const kadReachable = judgeKadReach(mapping, udp, findings);
  const { forwardedPort = 0 } = findings;
  const { external } = mapping;
  const isForwarded = forwardedPort > 0 && external !== undefined;
  return {
    ...mapping,
    filtering: classifyFiltering(findings),
    udp,
    kadReachable,
    kadReachableAt: kadReachable !== true ? undefined : isForwarded ? { host: external.host, port: forwardedPort } : external,
    batReachable: findings.bat,
  };
}
