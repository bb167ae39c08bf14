// pure: what a laboratory is asked for and what it tells.
import type { LabFaults } from './faults/fault-table.ts';

export const LAB_MODES = ['processes', 'simulated'] as const;
export type LabMode = (typeof LAB_MODES)[number];

/** `partitioned`: up, and a partition keeps it from others. `killed`: its process is gone, or its simulated host is down. */
export type LabNodeState = 'up' | 'partitioned' | 'killed';

export interface LabNodeStatus {
  readonly name: string;
  readonly nodeId: string;
  readonly state: LabNodeState;
  /** Null when it is killed or simulated. */
  readonly pid: number | null;
  /** For `--home`; null for a simulated node that has none. */
  readonly home: string | null;
  /** `host:port`. */
  readonly kad: string;
  readonly bat: string;
  /** Path of its control socket; null for a simulated node that has none. */
  readonly control: string | null;
  readonly joined: boolean;
  readonly peersOnline: number;
}

/** What only a simulation can tell. */
export interface LabSimulationStatus {
  readonly seed: string;
  readonly nat: string;
  /** Simulated time since its beginning. */
  readonly elapsedMs: number;
  /** Simulated seconds per second that are asked for, and that this computer gave lately; null before that was measured. */
  readonly speed: number;
  readonly speedReached: number | null;
  /** How many nodes one of them believes there are, and how many are up. */
  readonly size: { readonly estimate: number; readonly errorRatio: number; readonly true: number };
  /** Lookups made for this status: for the ids of nodes that are up, each by another node. */
  readonly lookups: { readonly total: number; readonly found: number };
}

export interface LabStatus {
  readonly folder: string;
  readonly mode: LabMode;
  readonly network: string;
  readonly faults: LabFaults;
  readonly nodes: readonly LabNodeStatus[];
  readonly simulation?: LabSimulationStatus;
}

export interface LabSimulationOptions {
  /** `none`, the default, `mixed`, or the kind of NAT that all but the first few nodes are behind. */
  readonly nat?: string;
  /** Simulated seconds per second; 1 by default. */
  readonly speed?: number;
  /** What is drawn: keys, delays, losses. */
  readonly seed?: string;
}

export interface LabUpOptions {
  /** How many there are then: those that are there are kept, the killed ones revived. As many as there are, or 2, by default. */
  readonly nodes?: number;
  /** What changes of the faults; a partition stays as it is. */
  readonly lossPercent?: number;
  readonly delayMs?: readonly [low: number, high: number];
  /** A laboratory that is new is simulated: one process, one network, one clock. */
  readonly simulated?: LabSimulationOptions;
  /** Kad addresses of members outside of the laboratory. */
  readonly join?: readonly string[];
  /** Each node that was started, as soon as it is ready. */
  readonly onReady?: (node: Pick<LabNodeStatus, 'name' | 'nodeId' | 'kad' | 'bat' | 'control'>) => void;
  readonly signal?: AbortSignal;
}

export interface LabCallOptions {
  readonly signal?: AbortSignal;
}

export interface LabOptions {
  /** Everything of the laboratory is under it; it is made. */
  readonly folder: string;
  /** Nodes end with this process, however that ends; they outlive it by default. */
  readonly endsWithProcess?: boolean;
  /** `batchain-lab` by default; for a laboratory that is new. */
  readonly network?: string;
}
