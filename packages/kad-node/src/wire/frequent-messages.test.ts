import { decodeCbor, encodeCbor, makeAddress, type NodeId } from '@batchain/shared';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTACTS_PER_REPLY_MAX } from '../limits.ts';
import { decodeFindNode, decodeNodes, encodeFindNode, encodeNodes } from './frequent-messages.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse, requestShapes, responseShapes } from './message-codecs.ts';
import type { KadRequest, KadResponse } from './messages.ts';

type FindNode = Extract<KadRequest, { readonly type: 'find-node' }>;
type Nodes = Extract<KadResponse, { readonly type: 'nodes' }>;

const someId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes as NodeId);
const someAddress = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65535))
  .map(([host, port]) => makeAddress(host, port))
  .filter((made) => made !== undefined);
const someContacts = fc.array(fc.record({ nodeId: someId, address: someAddress }), { maxLength: CONTACTS_PER_REPLY_MAX });
const someRecords = fc.array(fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 50 }), ageMs: fc.nat() }), { maxLength: 2 });

const plainFindNode: fc.Arbitrary<FindNode> = fc.record({
  type: fc.constant('find-node' as const),
  target: someId,
  wantsHosts: fc.boolean(),
  page: fc.nat(23),
});
const plainNodes: fc.Arbitrary<Nodes> = fc.record({
  type: fc.constant('nodes' as const),
  contacts: someContacts,
  records: fc.constant([]),
  pages: fc.nat(23),
});

/** What the codecs of all messages make of them. */
const findNodeBytes = (message: FindNode): Uint8Array => new Uint8Array(encodeCbor(requestShapes['find-node'].toCbor(message)));
const nodesBytes = (message: Nodes): Uint8Array => new Uint8Array(encodeCbor(responseShapes.nodes.toCbor(message)));

/** Some bytes changed, or cut, or one more. */
const bent = (valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(valid, fc.array(fc.tuple(fc.oneof(fc.nat(8), fc.nat()), fc.nat(255)), { maxLength: 3 }), fc.integer({ min: -3, max: 1 }))
    .map(([bytes, changes, longer]) => {
      const result = new Uint8Array(bytes.length + longer);
      result.set(bytes.subarray(0, result.length));
      for (const [at, value] of changes) result[at % result.length] = value;
      return result;
    });

describe('DF-03 messages coded in one pass', () => {
  it('have the bytes that the general codecs give them', () => {
    fc.assert(fc.property(plainFindNode, (message) => void expect(encodeFindNode(message)).toEqual(findNodeBytes(message))));
    fc.assert(fc.property(plainNodes, (message) => void expect(encodeNodes(message)).toEqual(nodesBytes(message))));
  });

  it('come back as they were', () => {
    fc.assert(fc.property(plainFindNode, (message) => void expect(decodeFindNode(findNodeBytes(message))).toEqual(message)));
    fc.assert(fc.property(plainNodes, (message) => void expect(decodeNodes(nodesBytes(message))).toEqual(message)));
  });

  it('are left to the general codecs with records, many pages, too many contacts or an id that is none', () => {
    const contact = { nodeId: new Uint8Array(32) as NodeId, address: { host: '192.0.2.1', port: 4870 } };
    const nodes: Nodes = { type: 'nodes', contacts: [contact], records: [], pages: 1 };
    const findNode: FindNode = { type: 'find-node', target: contact.nodeId, wantsHosts: false, page: 0 };
    expect(encodeNodes({ ...nodes, records: [{ bytes: new Uint8Array(3), ageMs: 1 }] })).toBeUndefined();
    expect(encodeNodes({ ...nodes, pages: 24 })).toBeUndefined();
    expect(encodeNodes({ ...nodes, contacts: new Array(CONTACTS_PER_REPLY_MAX + 1).fill(contact) })).toBeUndefined();
    expect(encodeNodes({ ...nodes, contacts: [{ ...contact, nodeId: new Uint8Array(31) as NodeId }] })).toBeUndefined();
    expect(encodeFindNode({ ...findNode, page: 24 })).toBeUndefined();
    expect(encodeFindNode({ ...findNode, target: new Uint8Array(31) })).toBeUndefined();
    expect(decodeRequest(encodeRequest({ ...findNode, page: 24 }))).toEqual({ ok: true, value: { ...findNode, page: 24 } });
    const withRecords = fc.record({
      type: fc.constant('nodes' as const),
      contacts: someContacts,
      records: someRecords,
      pages: fc.nat(1023),
    });
    fc.assert(
      fc.property(withRecords, (message) => void expect(decodeResponse(encodeResponse(message))).toEqual({ ok: true, value: message })),
    );
  });

  it('T7 bent, they are read as the general codecs read them, or left to those', () => {
    let read = 0;
    fc.assert(
      fc.property(bent(fc.oneof(plainFindNode.map(findNodeBytes), plainNodes.map(nodesBytes))), (bytes) => {
        const findNode = decodeFindNode(bytes);
        const nodes = decodeNodes(bytes);
        if (findNode === undefined && nodes === undefined) return;
        read++;
        const general = decodeCbor(bytes, 1200);
        if (!general.ok) throw new Error(`read what is ${general.reason}`);
        if (findNode !== undefined) expect(findNode).toEqual(requestShapes['find-node'].fromCbor(general.value, 'message'));
        if (nodes !== undefined) expect(nodes).toEqual(responseShapes.nodes.fromCbor(general.value, 'message'));
      }),
      { numRuns: 5000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});
