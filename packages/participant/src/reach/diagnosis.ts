// pure: the words of a diagnosis: what it is made from, and what it says (`batchain doctor`).
import type { Address } from '@batchain/shared';
import type { SeenByOthers, SelfDescription } from './describe-self.ts';
import type { MappedProtocol, MappingMethodName } from './mapping-method.ts';
import type { MappingOutcome } from './port-mapper.ts';

export type FindingState = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly check: string;
  readonly state: FindingState;
  readonly text: string;
  /**
   * What helps, one way a line, the likeliest first; empty when all is well. A command for this home stands as it is typed, one for
   * another member in backticks.
   */
  readonly fix: string;
}

/** What came of one way to have the router forward one port. */
export interface MappingTrial {
  readonly by: MappingMethodName;
  readonly protocol: MappedProtocol;
  readonly outcome: MappingOutcome;
  readonly detail?: string | undefined;
}

/** Who keeps in touch with a node that can not be reached; times back from now. */
export interface BrokersSeen {
  readonly count: number;
  /** For how long they have been wanted; undefined when they are not. */
  readonly wantedForMs: number | undefined;
  /** Since one last answered; undefined when none ever did. */
  readonly silentMs: number | undefined;
  /** None answered when all were asked last. */
  readonly isCutOff: boolean;
}

export interface DiagnosisInputs {
  readonly uptimeMs: number;
  /** How far the clocks of peers are from ours, milliseconds each. */
  readonly clockOffsetsMs: readonly number[];
  readonly disk: {
    readonly offerBytes: number;
    /** Held, or promised to what is under way. */
    readonly usedBytes: number;
    readonly roomBytes: number;
    readonly isReadOnly: boolean;
  };
  readonly self: SelfDescription;
  readonly seen: SeenByOthers & { readonly udp: 'unknown' | 'works' | 'blocked' };
  readonly peersOnline: number;
  /** Members behind routers keep in touch with this one: they ask, and are asked by nobody. */
  readonly hasClients: boolean;
  /** Nobody was named, remembered or met: the first member of a network. */
  readonly knowsNobody: boolean;
  /** Where members were said to be. */
  readonly joins: readonly Address[];
  readonly brokers: BrokersSeen;
  /** Known. */
  readonly relays: number;
  /** What this node carries for others; undefined when it does not relay. */
  readonly relaying: { readonly openCircuits: number; readonly bytesToday: number } | undefined;
  /** Undefined when switched off. */
  readonly lanFound: number | undefined;
  readonly mappings: readonly MappingTrial[];
  readonly kadPort: number;
  readonly batPort: number;
}

/** A join takes 8 s at most, a broker round and a look for relays a few more: what is missing before is being looked for. */
export const LOOKING_MS = 15_000;
export const LOOK_AGAIN = 'ask again in a few seconds: batchain doctor';
export const SEE_NETWORK = 'see the line "network"';
/** A flag of `start` holds for its run: whoever pastes the command must not lose the others. */
export const JOIN_ANOTHER = 'with the flags of this run once more: batchain stop && batchain start --join HOST:PORT';

export const isLooking = ({ uptimeMs, brokers: { wantedForMs } }: DiagnosisInputs): boolean =>
  Math.min(uptimeMs, wantedForMs ?? uptimeMs) < LOOKING_MS;

export const isHardMapping = ({ seen: { mapping } }: DiagnosisInputs): boolean =>
  mapping === 'address-dependent' || mapping === 'address-and-port-dependent';
