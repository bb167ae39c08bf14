// The golden vectors of docs/spec/records.md. Everything in them follows from labels: 32 bytes are SHA-256(label).
import { readFileSync } from 'node:fs';
import { immutableKey, isOwnerGrant, mutableKey, signOwnerGrant } from '@batchain/kad-node';
import {
  type ContactInput,
  createCrypto,
  deriveFileId,
  hour,
  keyPairFromSeed,
  makeAddress,
  openContactRecord,
  present,
  sha256,
  signContact,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import { describe, expect, it } from 'vitest';
import { makeFileId } from '../../packages/bat-node/src/manifest/manifest.ts';
import { checkRecord } from '../../packages/kad-node/src/records/check-record.ts';
import { openMutableValue, signMutableValue } from '../../packages/kad-node/src/records/mutable-value.ts';
import { openProviderRecord, signProviderRecord } from '../../packages/kad-node/src/records/provider-record.ts';

const draw = (label: string): Uint8Array => sha256(utf8Bytes(label));
const { verifier } = createCrypto();
const host = keyPairFromSeed(draw('host key'));
const owner = keyPairFromSeed(draw('owner key'));
const fileNonce = draw('file nonce');
const fileId = deriveFileId(owner.publicKey, fileNonce);
const grant = signOwnerGrant(owner, fileNonce, host.nodeId);
/** 2027-01-01 00:00 UTC. */
const sequence = 1_798_761_600_000;
const address = (text: string, port: number) => present(makeAddress(text, port), text);

const PROVIDERS = {
  announcement: { fileId, sequence, lifetimeMs: 48 * hour },
  granted: { fileId, sequence: sequence + 1, lifetimeMs: 22 * hour, grant },
  withdrawal: { fileId, sequence: sequence + 2, lifetimeMs: 0 },
} as const;

const MUTABLES = {
  value: { name: utf8Bytes('colour'), sequence, lifetimeMs: 48 * hour, value: utf8Bytes('blue') },
  tombstone: { name: utf8Bytes('colour'), sequence: sequence + 1, lifetimeMs: 48 * hour, value: null },
  nameless: { name: new Uint8Array(), sequence, lifetimeMs: hour, value: new Uint8Array() },
} as const;

const contact: ContactInput = {
  sequence,
  kadAddresses: [address('192.0.2.1', 4870), address('2001:db8::1', 4870)],
  batAddresses: [address('192.0.2.1', 4880)],
  brokers: [{ nodeId: owner.nodeId, kad: address('198.51.100.9', 4870) }],
  flags: { isPublic: false, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
  natMapping: 'endpoint-independent',
};

const hexOf = (entries: Readonly<Record<string, { readonly bytes: Uint8Array }>>): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).map(([name, { bytes }]) => [name, toHex(bytes)]));

const made = {
  about: 'Bytes are hex. Seeds and nonces are SHA-256(label); test/vectors/records.test.ts names the labels.',
  hostPublicKey: toHex(host.publicKey),
  hostId: toHex(host.nodeId),
  ownerPublicKey: toHex(owner.publicKey),
  fileNonce: toHex(fileNonce),
  fileId: toHex(fileId),
  ownerGrant: toHex(grant),
  providerRecords: hexOf({
    announcement: signProviderRecord(host, PROVIDERS.announcement),
    granted: signProviderRecord(host, PROVIDERS.granted),
    withdrawal: signProviderRecord(host, PROVIDERS.withdrawal),
  }),
  mutableKey: toHex(mutableKey(owner.publicKey, utf8Bytes('colour'))),
  mutableValues: hexOf({
    value: signMutableValue(owner, MUTABLES.value),
    tombstone: signMutableValue(owner, MUTABLES.tombstone),
    nameless: signMutableValue(owner, MUTABLES.nameless),
  }),
  immutableValue: toHex(utf8Bytes('hello')),
  immutableKey: toHex(immutableKey(utf8Bytes('hello'))),
  contactRecord: toHex(signContact(host, contact).bytes),
};

const recorded = JSON.parse(readFileSync(new URL('../../docs/spec/vectors/records.json', import.meta.url), 'utf8')) as typeof made;
const hexBytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const recordOf = (list: Record<string, string>, name: string): Uint8Array => hexBytes(present(list[name], name));

describe('the golden vectors of the records', () => {
  it('are what the code makes', () => {
    expect(made).toEqual(recorded);
  });

  it('BN-21 provider records are read back, and the grant is known for what it is', () => {
    for (const [name, input] of Object.entries(PROVIDERS)) {
      const opened = openProviderRecord(verifier, recordOf(recorded.providerRecords, name));
      expect(opened).toMatchObject({ ok: true, value: { hostId: host.nodeId, sequence: input.sequence, lifetimeMs: input.lifetimeMs } });
      const checked = checkRecord(verifier, 'provider', recordOf(recorded.providerRecords, name), host.nodeId);
      expect(checked).toMatchObject({
        ok: true,
        value: { hasGrant: name === 'granted', isWithdrawal: name === 'withdrawal', key: fileId },
      });
    }
    expect(isOwnerGrant(verifier, hexBytes(recorded.ownerGrant), hexBytes(recorded.fileId), host.nodeId)).toBe(true);
  });

  it('file ids are those of manifests', () => {
    expect(makeFileId(owner.publicKey, fileNonce)).toEqual(fileId);
  });

  it('DF-10 values are read back under their keys', () => {
    for (const [name, input] of Object.entries(MUTABLES)) {
      const opened = openMutableValue(verifier, recordOf(recorded.mutableValues, name));
      expect(opened).toMatchObject({ ok: true, value: { ...input, publicKey: owner.publicKey } });
    }
    expect(toHex(immutableKey(hexBytes(recorded.immutableValue)))).toBe(recorded.immutableKey);
  });

  it('the contact record is read back', () => {
    const opened = openContactRecord(verifier, hexBytes(recorded.contactRecord));
    expect(opened).toMatchObject({ ok: true, value: { nodeId: host.nodeId, contact: { ...contact, lifetimeMs: 8 * hour } } });
  });
});
