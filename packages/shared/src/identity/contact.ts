// pure: the signed contact record of a participant: type, codec, signing, checks.
import {
  bytesOf,
  type Codec,
  type Extensions,
  extensionsOf,
  listOf,
  makeCodec,
  mapped,
  NO_EXTENSIONS,
  recordOf,
  type Shape,
  uintOf,
  wordOf,
} from '../codec/codec.ts';
import { CONTACT_RECORD_BYTES_MAX } from '../core/limits.ts';
import { ok, type Result } from '../core/result.ts';
import { hour } from '../core/units.ts';
import { type Address, addressBytes, addressFromBytes } from '../net/address.ts';
import { type NodeId, nodeIdFromPublicKey } from './node-id.ts';
import { Seal } from './seal.ts';
import type { Signer, Verifier } from './signer.ts';

export const CONTACT_LIFETIME_MS: number = 8 * hour;
const ADDRESSES_MAX = 4;
const BROKERS_MAX = 3;

export const NAT_MAPPINGS = ['unknown', 'none', 'endpoint-independent', 'address-dependent', 'address-and-port-dependent'] as const;
export type NatMapping = (typeof NAT_MAPPINGS)[number];

/** Where a node without a public address keeps a mapping alive. */
export interface BrokerContact {
  readonly nodeId: NodeId;
  readonly kad: Address;
}

export interface ContactFlags {
  /** Reachable at its kad addresses by anybody. */
  readonly isPublic: boolean;
  readonly relays: boolean;
  /** Offers space and has room. */
  readonly stores: boolean;
  readonly isLeaving: boolean;
  readonly hasNoUdp: boolean;
}

/** The unsigned content of a contact record. */
export interface Contact {
  readonly publicKey: Uint8Array;
  /** A higher sequence replaces a lower one: max(previous + 1, wall-clock ms). */
  readonly sequence: number;
  readonly kadAddresses: readonly Address[];
  readonly batAddresses: readonly Address[];
  readonly brokers: readonly BrokerContact[];
  readonly flags: ContactFlags;
  readonly natMapping: NatMapping;
  readonly lifetimeMs: number;
  readonly extensions: Extensions;
}

/** A contact with the bytes that its owner signed. Made only by signContact and openContactRecord. */
export interface ContactRecord {
  readonly nodeId: NodeId;
  readonly contact: Contact;
  /** The whole record as it travels: body and signature. */
  readonly bytes: Uint8Array;
}

/** An Address as 6 or 18 bytes. */
export const addressShape: Shape<Address> = mapped(bytesOf(6, 18), addressFromBytes, addressBytes, 'an address');

const FLAG_NAMES = ['isPublic', 'relays', 'stores', 'isLeaving', 'hasNoUdp'] as const;

/** Five bits; unknown bits are ignored. */
const flagsShape: Shape<ContactFlags> = mapped(
  uintOf(0xffff),
  (bits) => Object.fromEntries(FLAG_NAMES.map((name, i) => [name, (bits & (1 << i)) !== 0])) as unknown as ContactFlags,
  (flags) => FLAG_NAMES.reduce((bits, name, i) => (flags[name] ? bits | (1 << i) : bits), 0),
  'flags',
);

const brokerShape: Shape<BrokerContact> = recordOf({ nodeId: bytesOf(32) as unknown as Shape<NodeId>, kad: addressShape });

const contactShape: Shape<Contact> = recordOf({
  publicKey: bytesOf(32),
  sequence: uintOf(),
  kadAddresses: listOf(addressShape, ADDRESSES_MAX),
  batAddresses: listOf(addressShape, ADDRESSES_MAX),
  brokers: listOf(brokerShape, BROKERS_MAX),
  flags: flagsShape,
  natMapping: wordOf(NAT_MAPPINGS),
  lifetimeMs: uintOf(CONTACT_LIFETIME_MS),
  extensions: extensionsOf([], 128),
});

export const contactCodec: Codec<Contact> = makeCodec('contact', CONTACT_RECORD_BYTES_MAX, contactShape);
const contactSeal = new Seal<Contact>({
  purpose: 'contact-record',
  name: 'contact-record',
  bytesMax: CONTACT_RECORD_BYTES_MAX,
  bodyCodec: contactCodec,
  signerOf: ({ publicKey }) => publicKey,
});

export type ContactInput = Omit<Contact, 'publicKey' | 'extensions' | 'lifetimeMs'> & { readonly lifetimeMs?: number };

/** Signs a contact of the signer's own. */
export function signContact(signer: Signer, input: ContactInput): ContactRecord {
  const contact: Contact = { lifetimeMs: CONTACT_LIFETIME_MS, ...input, publicKey: signer.publicKey, extensions: NO_EXTENSIONS };
  return { nodeId: signer.nodeId, contact, bytes: contactSeal.seal(signer, contact) };
}

/** Decodes and checks a record from outside. It proves authorship only: nobody vouches for its addresses. */
export function openContactRecord(verifier: Verifier, bytes: Uint8Array): Result<ContactRecord> {
  const opened = contactSeal.open(verifier, bytes);
  return opened.ok ? ok({ nodeId: nodeIdFromPublicKey(opened.value.publicKey), contact: opened.value, bytes }) : opened;
}
