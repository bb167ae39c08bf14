// pure: one codec per Kad message, one table of all, and the sizes that handlers need to fill pages.
import {
  addressBytes,
  addressFromBytes,
  addressShape,
  boolean,
  bytesOf,
  type CborValue,
  concatBytes,
  DATAGRAM_BYTES_MAX,
  decodeCbor,
  encodeCbor,
  extensionsOf,
  fail,
  ID_BYTES,
  idOf,
  listOf,
  mapped,
  NO_EXTENSIONS,
  type NodeId,
  nullable,
  ok,
  type Result,
  recordOf,
  type Shape,
  ShapeError,
  textOf,
  uintOf,
  wordOf,
} from '@batchain/shared';
import {
  CONTACTS_PER_REPLY_MAX,
  ERROR_DETAIL_LENGTH_MAX,
  PAGES_MAX,
  RECORD_BYTES_MAX,
  RECORDS_PER_MESSAGE_MAX,
  SIGNAL_BYTES_MAX,
} from '../limits.ts';
import { PROBE_NONCE_BYTES } from './envelope.ts';
import { decodeFindNode, decodeNodes, encodeFindNode, encodeNodes } from './frequent-messages.ts';
import {
  type AgedRecord,
  type CompactContact,
  DIAL_BACK_ANSWERS,
  DIAL_BACK_KINDS,
  DIAL_BACK_OUTCOMES,
  DIGEST_OUTCOMES,
  INTRODUCE_OUTCOMES,
  KAD_ERRORS,
  type KadErrorCode,
  type KadRequest,
  type KadRequestType,
  type KadResponse,
  type KadResponseType,
  PROBE_ANSWERS,
  STORE_REFUSALS,
  VALUE_KINDS,
} from './messages.ts';

/** The first item of every message. Numbers are never used again for something else. */
export const REQUEST_VERBS: Readonly<Record<KadRequestType, number>> = {
  ping: 1,
  'find-node': 2,
  'find-value': 3,
  store: 4,
  'get-contact': 5,
  'dial-back': 9,
  probe: 10,
  'dial-back-result': 11,
  introduce: 6,
  signal: 7,
  digest: 12,
};
/** Answers: 64 is the error, otherwise the verb of the request + 64. */
export const RESPONSE_VERBS: Readonly<Record<KadResponseType, number>> = {
  error: 64,
  pong: 65,
  nodes: 66,
  values: 67,
  stored: 68,
  contact: 69,
  'dialling-back': 73,
  probed: 74,
  'result-taken': 75,
  introduced: 70,
  'signal-taken': 71,
  digested: 76,
};
/** Which answer fits which request; an error fits all. */
export const ANSWER_TYPES: Readonly<Record<KadRequestType, KadResponseType>> = {
  ping: 'pong',
  'find-node': 'nodes',
  'find-value': 'values',
  store: 'stored',
  'get-contact': 'contact',
  'dial-back': 'dialling-back',
  probe: 'probed',
  'dial-back-result': 'result-taken',
  introduce: 'introduced',
  signal: 'signal-taken',
  digest: 'digested',
};

const nodeIdShape: Shape<NodeId> = idOf<NodeId>();
const keyShape: Shape<Uint8Array> = bytesOf(32);

/** One byte string of 38 or 50 bytes: id, IP, port. Lists of contacts are the bulk of all traffic. */
const contactShape: Shape<CompactContact> = mapped(
  bytesOf(ID_BYTES + 6, ID_BYTES + 18),
  (bytes) => {
    const address = addressFromBytes(bytes.subarray(ID_BYTES));
    return address === undefined ? undefined : { nodeId: bytes.subarray(0, ID_BYTES) as NodeId, address };
  },
  ({ nodeId, address }) => concatBytes(nodeId, addressBytes(address)),
  'a contact',
);
/** Ages come from clocks with fractions; the wire has whole milliseconds. */
const ageShape: Shape<number> = { ...uintOf(), toCbor: (ageMs) => Math.max(0, Math.floor(ageMs)) };
const recordShape: Shape<AgedRecord> = recordOf({ bytes: bytesOf(1, RECORD_BYTES_MAX), ageMs: ageShape });
const contactsShape: Shape<readonly CompactContact[]> = listOf(contactShape, CONTACTS_PER_REPLY_MAX);
const recordsShape: Shape<readonly AgedRecord[]> = listOf(recordShape, RECORDS_PER_MESSAGE_MAX);
const kindShape: Shape<(typeof VALUE_KINDS)[number]> = wordOf(VALUE_KINDS);
const signalShape: Shape<Uint8Array> = bytesOf(1, SIGNAL_BYTES_MAX);
const pageShape: Shape<number> = uintOf(PAGES_MAX - 1);
const nonceShape: Shape<Uint8Array> = bytesOf(PROBE_NONCE_BYTES);
const portShape: Shape<number> = uintOf(65_535);
const pagesShape: Shape<number> = uintOf(PAGES_MAX);

type Fields<M> = { readonly [K in Exclude<keyof M, 'type'>]: Shape<M[K]> };

/** [verb, fields in the given order, extensions]; the extension map is checked and dropped, since none is known yet. */
function messageShape<M extends { readonly type: string }>(type: M['type'], verb: number, fields: Fields<M>): Shape<M> {
  const shape = recordOf({ verb: uintOf(verb, verb), ...(fields as Record<string, Shape<unknown>>), extensions: extensionsOf() });
  return {
    toCbor: (message) => shape.toCbor({ ...message, verb, extensions: NO_EXTENSIONS } as never),
    fromCbor: (value, at) => {
      const { verb: _verb, extensions: _extensions, ...rest } = shape.fromCbor(value, at) as Record<string, unknown>;
      return { type, ...rest } as unknown as M;
    },
  };
}

type ShapesOf<U extends { readonly type: string }> = { readonly [T in U['type']]: Shape<Extract<U, { readonly type: T }>> };

export const requestShapes: ShapesOf<KadRequest> = {
  ping: messageShape('ping', REQUEST_VERBS.ping, {}),
  'find-node': messageShape('find-node', REQUEST_VERBS['find-node'], { target: keyShape, wantsHosts: boolean, page: pageShape }),
  'find-value': messageShape('find-value', REQUEST_VERBS['find-value'], { kind: kindShape, key: keyShape, page: pageShape }),
  store: messageShape('store', REQUEST_VERBS.store, { kind: kindShape, records: recordsShape }),
  'get-contact': messageShape('get-contact', REQUEST_VERBS['get-contact'], { nodeId: nullable(nodeIdShape) }),
  'dial-back': messageShape('dial-back', REQUEST_VERBS['dial-back'], { kind: wordOf(DIAL_BACK_KINDS), port: portShape, nonce: nonceShape }),
  probe: messageShape('probe', REQUEST_VERBS.probe, { address: addressShape, nonce: nonceShape }),
  'dial-back-result': messageShape('dial-back-result', REQUEST_VERBS['dial-back-result'], {
    nonce: nonceShape,
    outcome: wordOf(DIAL_BACK_OUTCOMES),
    port: portShape,
    address: nullable(addressShape),
  }),
  introduce: messageShape('introduce', REQUEST_VERBS.introduce, { target: nodeIdShape, signal: signalShape }),
  signal: messageShape('signal', REQUEST_VERBS.signal, { from: nodeIdShape, address: addressShape, signal: signalShape }),
  digest: messageShape('digest', REQUEST_VERBS.digest, { kind: kindShape, key: keyShape, offset: uintOf(), length: nullable(uintOf()) }),
};

export const responseShapes: ShapesOf<KadResponse> = {
  error: messageShape('error', RESPONSE_VERBS.error, { code: wordOf(KAD_ERRORS), detail: textOf(ERROR_DETAIL_LENGTH_MAX) }),
  pong: messageShape('pong', RESPONSE_VERBS.pong, {}),
  nodes: messageShape('nodes', RESPONSE_VERBS.nodes, { contacts: contactsShape, records: recordsShape, pages: pagesShape }),
  values: messageShape('values', RESPONSE_VERBS.values, {
    records: recordsShape,
    holders: recordsShape,
    contacts: contactsShape,
    pages: pagesShape,
  }),
  stored: messageShape('stored', RESPONSE_VERBS.stored, {
    outcomes: listOf(wordOf(['stored', ...STORE_REFUSALS] as const), RECORDS_PER_MESSAGE_MAX),
  }),
  contact: messageShape('contact', RESPONSE_VERBS.contact, { record: nullable(recordShape) }),
  'dialling-back': messageShape('dialling-back', RESPONSE_VERBS['dialling-back'], { outcome: wordOf(DIAL_BACK_ANSWERS) }),
  probed: messageShape('probed', RESPONSE_VERBS.probed, { outcome: wordOf(PROBE_ANSWERS) }),
  'result-taken': messageShape('result-taken', RESPONSE_VERBS['result-taken'], {}),
  introduced: messageShape('introduced', RESPONSE_VERBS.introduced, { outcome: wordOf(INTRODUCE_OUTCOMES) }),
  'signal-taken': messageShape('signal-taken', RESPONSE_VERBS['signal-taken'], {}),
  digested: messageShape('digested', RESPONSE_VERBS.digested, {
    outcome: wordOf(DIGEST_OUTCOMES),
    digest: nullable(bytesOf(32)),
    bytes: uintOf(),
    sequence: uintOf(),
  }),
};

/** Why a message was not understood: the code of the error that answers it. */
export type MessageRefusal = Extract<KadErrorCode, 'malformed' | 'unsupported-verb' | 'unsupported-extension'>;

function byVerb<M extends { readonly type: string }>(shapes: ShapesOf<M>, verbs: Readonly<Record<string, number>>): Map<number, Shape<M>> {
  return new Map(Object.entries(shapes).map(([type, shape]) => [verbs[type] as number, shape as Shape<M>]));
}

const requestsByVerb = byVerb<KadRequest>(requestShapes, REQUEST_VERBS);
const responsesByVerb = byVerb<KadResponse>(responseShapes, RESPONSE_VERBS);

function decodeMessage<M>(table: ReadonlyMap<number, Shape<M>>, bytes: Uint8Array): Result<M, MessageRefusal> {
  const decoded = decodeCbor(bytes, DATAGRAM_BYTES_MAX);
  if (!decoded.ok) return fail('malformed', decoded.detail);
  const verb = Array.isArray(decoded.value) ? (decoded.value as readonly CborValue[])[0] : undefined;
  if (typeof verb !== 'number') return fail('malformed', 'no verb');
  const shape = table.get(verb);
  if (shape === undefined) return fail('unsupported-verb', `verb ${verb}`);
  try {
    return ok(shape.fromCbor(decoded.value, 'message'));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return fail(error.reason === 'unsupported-extension' ? 'unsupported-extension' : 'malformed', error.message);
  }
}

export function encodeRequest(request: KadRequest): Uint8Array {
  const bytes = request.type === 'find-node' ? encodeFindNode(request) : undefined;
  return bytes ?? encodeCbor((requestShapes[request.type] as Shape<KadRequest>).toCbor(request));
}

/** Never throws. */
export function decodeRequest(bytes: Uint8Array): Result<KadRequest, MessageRefusal> {
  const findNode = decodeFindNode(bytes);
  return findNode === undefined ? decodeMessage(requestsByVerb, bytes) : ok(findNode);
}

export function encodeResponse(response: KadResponse): Uint8Array {
  const bytes = response.type === 'nodes' ? encodeNodes(response) : undefined;
  return bytes ?? encodeCbor((responseShapes[response.type] as Shape<KadResponse>).toCbor(response));
}

/** Never throws. */
export function decodeResponse(bytes: Uint8Array): Result<KadResponse, MessageRefusal> {
  const nodes = decodeNodes(bytes);
  return nodes === undefined ? decodeMessage(responsesByVerb, bytes) : ok(nodes);
}

/** An error with its text cut to what the wire takes. */
export function errorResponse(code: KadErrorCode, detail = ''): KadResponse {
  return { type: 'error', code, detail: detail.slice(0, ERROR_DETAIL_LENGTH_MAX) };
}
