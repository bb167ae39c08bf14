// pure: the signals of a hand punch, which follow a call and its answer: what each side's sockets look like from outside, then the channel.
import type { IceDescription } from '@batchain/bat-node';
import {
  type Address,
  addressShape,
  boolean,
  bytesOf,
  type Codec,
  type Extensions,
  extensionsOf,
  fail,
  idOf,
  listOf,
  makeCodec,
  NAT_MAPPINGS,
  NO_EXTENSIONS,
  type NodeId,
  nullable,
  ok,
  type Result,
  recordOf,
  type Signer,
  uintOf,
  type Verifier,
  wordOf,
} from '@batchain/shared';
import type { PunchFacts } from './hand-punch/plan-hand-punch.ts';
import { CALL_ID_BYTES, faultOfEnds, iceShape, makeSignalSeal, SIGNAL_BYTES_MAX, type SignalExpectation } from './reach-signal.ts';
import { NAT_FILTERINGS } from './reach-types.ts';

const SOCKETS_MAX = 4;
const OBSERVERS_MAX = 4;
/** Steps count down as well as up. */
const PORT_STEP_OFFSET = 0x8000;

/** `facts`: what the sockets of a side look like; `channel`: what the data channel on the punched path needs. */
export type PunchStep = { readonly step: 'facts'; readonly facts: PunchFacts } | { readonly step: 'channel'; readonly ice: IceDescription };

export interface PunchSignal {
  readonly callId: Uint8Array;
  readonly from: Uint8Array;
  readonly to: NodeId;
  readonly content: PunchStep;
}

interface WireFacts {
  readonly mapping: PunchFacts['mapping'];
  readonly filtering: PunchFacts['filtering'];
  readonly preservesPort: boolean;
  /** Plus PORT_STEP_OFFSET; null where ports do not count. */
  readonly portDelta: number | null;
  readonly observed: readonly (readonly Address[])[];
}

interface WirePunch {
  readonly kind: 'punch';
  readonly callId: Uint8Array;
  readonly from: Uint8Array;
  readonly to: NodeId;
  readonly facts: WireFacts | null;
  readonly ice: IceDescription | null;
  readonly extensions: Extensions;
}

const punchBodyCodec: Codec<WirePunch> = makeCodec(
  'punch-signal',
  SIGNAL_BYTES_MAX,
  recordOf({
    kind: wordOf(['punch'] as const),
    callId: bytesOf(CALL_ID_BYTES),
    from: bytesOf(32),
    to: idOf<NodeId>(),
    facts: nullable(
      recordOf({
        mapping: wordOf(NAT_MAPPINGS),
        filtering: wordOf(NAT_FILTERINGS),
        preservesPort: boolean,
        portDelta: nullable(uintOf(0xffff)),
        observed: listOf(listOf(addressShape, OBSERVERS_MAX), SOCKETS_MAX),
      }),
    ),
    ice: nullable(iceShape),
    extensions: extensionsOf([], 128),
  }),
);

const punchSeal = makeSignalSeal(punchBodyCodec);

export function signPunch(signer: Signer, { callId, from, to, content }: PunchSignal): Uint8Array {
  const facts = content.step === 'facts' ? content.facts : undefined;
  return punchSeal.seal(signer, {
    kind: 'punch',
    callId,
    from,
    to,
    facts:
      facts === undefined
        ? null
        : {
            mapping: facts.mapping,
            filtering: facts.filtering,
            preservesPort: facts.preservesPort,
            portDelta: facts.portDelta === undefined ? null : facts.portDelta + PORT_STEP_OFFSET,
            observed: facts.observed,
          },
    ice: content.step === 'channel' ? content.ice : null,
    extensions: NO_EXTENSIONS,
  });
}

function contentOf({ facts, ice }: WirePunch): PunchStep | undefined {
  if (facts !== null && ice === null) {
    const { portDelta, ...rest } = facts;
    return { step: 'facts', facts: { ...rest, portDelta: portDelta === null ? undefined : portDelta - PORT_STEP_OFFSET } };
  }
  return facts === null && ice !== null ? { step: 'channel', ice } : undefined;
}

/** Never throws. */
export function openPunch(
  verifier: Verifier,
  bytes: Uint8Array,
  expected: SignalExpectation,
): Result<PunchSignal, 'malformed' | 'wrong-identity' | 'bad-signature'> {
  const unsealed = punchSeal.unseal(bytes);
  if (!unsealed.ok) return fail('malformed', unsealed.detail);
  const { callId, from, to } = unsealed.value.body;
  const content = contentOf(unsealed.value.body);
  if (content === undefined) return fail('malformed', 'neither facts nor a channel');
  const fault = faultOfEnds(punchSeal, verifier, unsealed.value, expected);
  return fault === undefined ? ok({ callId, from, to, content }) : fail(fault);
}
