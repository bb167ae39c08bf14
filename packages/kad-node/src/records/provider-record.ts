// pure: "host H keeps shards of file F": a provider record signed by the host, keyed by the file id.
import {
  bytesOf,
  type Codec,
  type Extensions,
  extensionsOf,
  makeCodec,
  NO_EXTENSIONS,
  type NodeId,
  nodeIdFromPublicKey,
  ok,
  type Result,
  recordOf,
  Seal,
  type Signer,
  uintOf,
  type Verifier,
} from '@batchain/shared';
import { PROVIDER_RECORD_BYTES_MAX, RECORD_LIFETIME_MAX_MS } from '../limits.ts';
import { type RecordFault, recordFault } from './record-kind.ts';

/** Extension with the grant of the file's owner; odd, so that nodes that do not know it keep the record all the same. */
export const GRANT_EXTENSION = 1;

export interface ProviderRecord {
  readonly fileId: Uint8Array;
  readonly hostPublicKey: Uint8Array;
  readonly hostId: NodeId;
  /** max(previous + 1, wall-clock ms); a higher one replaces a lower one. */
  readonly sequence: number;
  /** At most 48 h, counted from receipt; 0 withdraws. */
  readonly lifetimeMs: number;
  /** The owner's grant as it travels, unchecked; see owner-grant.ts. */
  readonly grant: Uint8Array | undefined;
  readonly bytes: Uint8Array;
}

export interface ProviderInput {
  readonly fileId: Uint8Array;
  readonly sequence: number;
  readonly lifetimeMs: number;
  readonly grant?: Uint8Array | undefined;
}

interface Body {
  readonly fileId: Uint8Array;
  readonly hostPublicKey: Uint8Array;
  readonly sequence: number;
  readonly lifetimeMs: number;
  readonly extensions: Extensions;
}

const bodyCodec: Codec<Body> = makeCodec(
  'provider',
  PROVIDER_RECORD_BYTES_MAX,
  recordOf({
    fileId: bytesOf(32),
    hostPublicKey: bytesOf(32),
    sequence: uintOf(),
    lifetimeMs: uintOf(RECORD_LIFETIME_MAX_MS),
    extensions: extensionsOf([], PROVIDER_RECORD_BYTES_MAX),
  }),
);

const providerSeal = new Seal({
  purpose: 'provider-record',
  name: 'provider-record',
  bytesMax: PROVIDER_RECORD_BYTES_MAX,
  bodyCodec,
  signerOf: ({ hostPublicKey }) => hostPublicKey,
});

/** Signs a record of the signer's own. Longer than PROVIDER_RECORD_BYTES_MAX only when the grant is too long: then it throws. */
export function signProviderRecord(signer: Signer, input: ProviderInput): ProviderRecord {
  const { fileId, sequence, lifetimeMs, grant } = input;
  const extensions: Extensions = grant === undefined ? NO_EXTENSIONS : new Map([[GRANT_EXTENSION, grant]]);
  const bytes = providerSeal.seal(signer, { fileId, hostPublicKey: signer.publicKey, sequence, lifetimeMs, extensions });
  if (bytes.length > PROVIDER_RECORD_BYTES_MAX) throw new RangeError(`a provider record of ${bytes.length} bytes: the grant is too long`);
  return { fileId, hostPublicKey: signer.publicKey, hostId: signer.nodeId, sequence, lifetimeMs, grant, bytes };
}

/** Decodes and checks a record from outside. It proves who announced, not that the shards are there. */
export function openProviderRecord(verifier: Verifier, bytes: Uint8Array): Result<ProviderRecord, RecordFault> {
  const opened = providerSeal.open(verifier, bytes);
  if (!opened.ok) return recordFault(opened);
  const { fileId, hostPublicKey, sequence, lifetimeMs, extensions } = opened.value;
  const hostId = nodeIdFromPublicKey(hostPublicKey);
  return ok({ fileId, hostPublicKey, hostId, sequence, lifetimeMs, grant: extensions.get(GRANT_EXTENSION), bytes });
}
