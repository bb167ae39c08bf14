// pure: what hosts sign: receipts for shards, and statements that a shard is not held or damaged.
import {
  boolean,
  bytesOf,
  type DecodeReason,
  extensionsOf,
  fail,
  idOf,
  listOf,
  makeCodec,
  NO_EXTENSIONS,
  ok,
  type Result,
  recordOf,
  Seal,
  type Signer,
  signFor,
  uintOf,
  type Verifier,
  verifyFor,
  wordOf,
} from '@batchain/shared';
import type { FileId } from '../ids.ts';
import { RECEIPT_BYTES_MAX, SEGMENTS_MAX, TOTAL_SHARDS_MAX } from '../limits.ts';
import { heldShape } from './frame-codecs.ts';
import type { NotHeldStatement, StorageReceipt } from './frames.ts';

const STATEMENT_BYTES_MAX = 512;
const extensions = extensionsOf();

const receiptBodyCodec = makeCodec(
  'receipt',
  RECEIPT_BYTES_MAX,
  recordOf({
    hostKey: bytesOf(32),
    ownerKey: bytesOf(32),
    leaseId: bytesOf(16),
    fileId: idOf<FileId>(),
    shards: listOf(heldShape, SEGMENTS_MAX),
    durableSinceMs: uintOf(),
    leaseUntilMs: uintOf(),
    isCommitted: boolean,
    extensions,
  }),
);

const receiptSeal = new Seal({
  purpose: 'storage-receipt',
  name: 'signed-receipt',
  bytesMax: RECEIPT_BYTES_MAX,
  bodyCodec: receiptBodyCodec,
  signerOf: ({ hostKey }) => hostKey,
});

/** The receipt as it travels: body and the host's signature over it. */
export function signReceipt(host: Signer, receipt: StorageReceipt): Uint8Array {
  return receiptSeal.seal(host, { ...receipt, extensions: NO_EXTENSIONS });
}

/** Decodes a receipt and checks the signature of the host key that it names. */
export function openReceipt(verifier: Verifier, bytes: Uint8Array): Result<StorageReceipt, DecodeReason | 'bad-signature'> {
  const receipt = receiptSeal.open(verifier, bytes);
  if (!receipt.ok) return receipt;
  const { extensions: _, ...rest } = receipt.value;
  return ok(rest);
}

const statementCodec = makeCodec(
  'not-held-statement',
  STATEMENT_BYTES_MAX,
  recordOf({
    hostKey: bytesOf(32),
    fileId: idOf<FileId>(),
    segment: uintOf(SEGMENTS_MAX - 1),
    index: uintOf(TOTAL_SHARDS_MAX - 1),
    state: wordOf(['not-held', 'damaged']),
    binding: bytesOf(32),
    extensions,
  }),
);

export function signStatement(
  host: Signer,
  statement: NotHeldStatement,
): { readonly statement: Uint8Array; readonly signature: Uint8Array } {
  const bytes = statementCodec.encode({ ...statement, extensions: NO_EXTENSIONS });
  return { statement: bytes, signature: signFor(host, 'not-held-statement', bytes) };
}

/** Decodes a statement and checks the signature of the host key that it names. */
export function openStatement(
  verifier: Verifier,
  bytes: Uint8Array,
  signature: Uint8Array,
): Result<NotHeldStatement, DecodeReason | 'bad-signature'> {
  const statement = statementCodec.decode(bytes);
  if (!statement.ok) return statement;
  if (!verifyFor(verifier, 'not-held-statement', statement.value.hostKey, bytes, signature)) return fail('bad-signature');
  const { extensions: _, ...rest } = statement.value;
  return ok(rest);
}
