import { describe, expect, it } from 'vitest';
import { equalBytes, fromHex, toHex, utf8Bytes } from '../core/bytes.ts';
import { createSimRuntime } from '../testing/sim-runtime.ts';
import { type ContactInput, openContactRecord, signContact } from './contact.ts';
import { deriveFileId } from './file-id.ts';
import { createCrypto, keyPairFromSeed } from './key-pair.ts';
import { formatNodeId, nodeIdFromPublicKey, parseNodeId, sha256 } from './node-id.ts';
import { signFor, verifyFor } from './signed.ts';

const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;
const { verifier, agreement } = createCrypto();
const ana = keyPairFromSeed(sha256(utf8Bytes('ana')));
const bo = keyPairFromSeed(sha256(utf8Bytes('bo')));

const contactOf = (changes: Partial<ContactInput> = {}): ContactInput => ({
  sequence: 1_700_000_000_000,
  kadAddresses: [
    { host: '192.0.2.7', port: 4870 },
    { host: '2001:db8::7', port: 4870 },
  ],
  batAddresses: [{ host: '192.0.2.7', port: 4880 }],
  brokers: [{ nodeId: bo.nodeId, kad: { host: '198.51.100.1', port: 4870 } }],
  flags: { isPublic: true, relays: false, stores: true, isLeaving: false, hasNoUdp: false },
  natMapping: 'none',
  ...changes,
});

describe('keys', () => {
  it('sign as RFC 8032 says (section 7.1, test 1)', () => {
    const pair = keyPairFromSeed(hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'));
    expect(toHex(pair.publicKey)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
    const signature = pair.sign(new Uint8Array(0));
    expect(toHex(signature)).toBe(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
    expect(verifier.verify(pair.publicKey, new Uint8Array(0), signature)).toBe(true);
  });

  it('refuse malformed keys and signatures without an exception', () => {
    const body = utf8Bytes('body');
    const signature = ana.sign(body);
    expect(verifier.verify(ana.publicKey.subarray(1), body, signature)).toBe(false);
    expect(verifier.verify(new Uint8Array(32).fill(0xff), body, signature)).toBe(false);
    expect(verifier.verify(ana.publicKey, body, signature.subarray(1))).toBe(false);
    expect(verifier.verify(bo.publicKey, body, signature)).toBe(false);
  });

  it('count for one purpose only', () => {
    const body = utf8Bytes('body');
    const signature = signFor(ana, 'roster', body);
    expect(verifyFor(verifier, 'roster', ana.publicKey, body, signature)).toBe(true);
    expect(verifyFor(verifier, 'storage-receipt', ana.publicKey, body, signature)).toBe(false);
  });

  it('agree on a secret, never with a key of low order', () => {
    const { entropy } = createSimRuntime('agreement').runtime;
    const [one, other] = [agreement.generate(entropy), agreement.generate(entropy)];
    expect(one.agree(other.publicKey)).toEqual(other.agree(one.publicKey));
    expect(one.agree(new Uint8Array(32))).toBeUndefined();
    expect(one.agree(new Uint8Array(31))).toBeUndefined();
  });
});

describe('ids', () => {
  it('DF-10 of nodes follow from the key and come back from text, in lower case only', () => {
    expect(ana.nodeId).toEqual(nodeIdFromPublicKey(ana.publicKey));
    expect(ana.nodeId).toEqual(sha256(ana.publicKey));
    expect(parseNodeId(formatNodeId(ana.nodeId))).toEqual(ana.nodeId);
    expect(parseNodeId(formatNodeId(ana.nodeId).toUpperCase())).toBeUndefined();
    expect(parseNodeId('00')).toBeUndefined();
  });

  it('of files are bound to their owner', () => {
    const nonce = sha256(utf8Bytes('nonce'));
    expect(deriveFileId(ana.publicKey, nonce)).toHaveLength(32);
    expect(equalBytes(deriveFileId(ana.publicKey, nonce), deriveFileId(bo.publicKey, nonce))).toBe(false);
  });
});

describe('contact records', () => {
  it('come back as they were signed, and name the id that follows from the key', () => {
    const record = signContact(ana, contactOf());
    const opened = openContactRecord(verifier, record.bytes);
    expect(opened).toMatchObject({ ok: true, value: { nodeId: ana.nodeId, contact: contactOf() } });
  });

  it('fit into their limit when all places are taken by the longest addresses', () => {
    const address = { host: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', port: 65535 };
    const four = [address, address, address, address];
    const brokers = [1, 2, 3].map(() => ({ nodeId: bo.nodeId, kad: address }));
    const record = signContact(ana, contactOf({ kadAddresses: four, batAddresses: four, brokers, sequence: Number.MAX_SAFE_INTEGER }));
    expect(record.bytes.length).toBeLessThanOrEqual(512);
    expect(openContactRecord(verifier, record.bytes).ok).toBe(true);
  });

  it('are refused when a byte is changed, cut or added, wherever', () => {
    const { bytes } = signContact(ana, contactOf());
    for (let i = 0; i < bytes.length; i++) {
      const bent = bytes.slice();
      bent[i] = (bent[i] as number) ^ 1;
      expect(openContactRecord(verifier, bent).ok, `byte ${i}`).toBe(false);
      expect(openContactRecord(verifier, bytes.subarray(0, i)).ok, `cut at ${i}`).toBe(false);
    }
    expect(openContactRecord(verifier, Uint8Array.of(...bytes, 0)).ok).toBe(false);
  });
});
