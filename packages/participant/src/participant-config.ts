// pure: what a participant is told at its beginning.
import type { KadConfig } from '@batchain/kad-node';
import type { Profile } from './config/node-settings.ts';

export interface ParticipantConfig {
  readonly name: string;
  /** Shown in status. */
  readonly home: string;
  readonly version: string;
  readonly network: string;
  /** 32 bytes that set this network apart on both wires. */
  readonly networkKey: Uint8Array;
  readonly kad: KadConfig;
  readonly journalFolder: string;
  /** How fast the storage side does what it does by itself; `normal` by default. */
  readonly profile?: Profile;
}
