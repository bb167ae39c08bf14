// A hostile operator on one node of the NAT laboratory: several ids that call honest nodes through their brokers, as fast as these let
// them, and name a victim in signals, in contact records of theirs and of ids that are nowhere, in answers to lookups, and in requests
// for probes. Argument: JSON. Prints counts at the end.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type CompactContact, KadNode, makeKadConfig, type RpcHandler, SessionRpc, UdpSocket } from '@batchain/kad-node';
import {
  type Address,
  type BrokerContact,
  type ContactInput,
  createCrypto,
  fromHex,
  keyPairFromSeed,
  type NodeId,
  nodeIdFromPublicKey,
  present,
  signContact,
  toHex,
} from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import type { PunchFacts } from '../../packages/participant/src/reach/hand-punch/plan-hand-punch.ts';
import { signPunch } from '../../packages/participant/src/reach/punch-signal.ts';
import { openSignal, type ReachSignal, signSignal } from '../../packages/participant/src/reach/reach-signal.ts';
import type { MeetingFacts } from '../../packages/participant/src/reach/reach-types.ts';

interface Orders {
  /** Each id names one of them. */
  readonly victims: readonly string[];
  readonly brokers: readonly Address[];
  readonly targets: readonly { readonly nodeId: string; readonly brokers: readonly Address[] }[];
}

const IDS = 4;
/** A broker passes ten signals a minute on to one target: calls that nobody follows would use up what the punches need. */
const TURN_MS = 1_500;
/** Ids that are nowhere, in each turn and each answer. */
const INVENTED = 2;
/** At first they alone are named there, since what calls make go to the victim leaves little room for first packets. */
const RECORDS_ALONE_MS = 8_000;
const orders = JSON.parse(process.argv[2] ?? '') as Orders;
const crypto = createCrypto();
const counts = { calls: 0, passed: 0, answers: 0, callsOfOthers: 0, punches: 0, probes: 0, records: 0 };
const stop = new AbortController();
const callsFromMs = performance.now() + RECORDS_ALONE_MS;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a signal says of its sender: all of it lies at the victim. */
function lies(victim: string, variant: number): MeetingFacts {
  const at = (port: number): Address => ({ host: victim, port });
  const isHard = variant % 3 === 1;
  return {
    batAddresses: [4880, 443, 80, 22].map(at),
    isBatReachable: variant % 3 !== 2,
    external: at(4870),
    mapping: isHard ? 'address-and-port-dependent' : 'endpoint-independent',
    filtering: isHard ? 'address-and-port-dependent' : 'unknown',
    keepsPorts: true,
    hasUdp: true,
    relays: [443, 4880].map((port) => ({ nodeId: randomBytes(32) as Uint8Array as NodeId, bat: at(port) })),
    tcpPort: 5000 + variant,
    ice: {
      ufrag: randomBytes(3).toString('hex'),
      password: randomBytes(12).toString('hex'),
      fingerprint: randomBytes(32),
      candidates: Array.from({ length: 8 }, (_, i) => ({ kind: i % 2 === 0 ? 'host' : 'reflexive', address: at(6000 + i) })),
    },
  };
}

function punchLies(victim: string, variant: number): PunchFacts {
  const at = (port: number): Address => ({ host: victim, port });
  const isCounting = variant % 3 === 1;
  return {
    mapping: isCounting ? 'address-and-port-dependent' : 'endpoint-independent',
    filtering: 'endpoint-independent',
    preservesPort: variant % 2 === 0,
    portDelta: isCounting ? 1 : undefined,
    observed: [
      [at(7000), at(isCounting ? 7001 : 7000)],
      [at(7002), at(isCounting ? 7003 : 7002)],
    ],
  };
}

/** A host with room, which anybody reaches at the victim's, it says, and through brokers there. */
function recordLies(victim: string, variant: number): Omit<ContactInput, 'sequence'> {
  const at = (port: number): Address => ({ host: victim, port });
  const ports = [4870, 4871, 4872, 4873].map((port) => port + 10 * variant);
  return {
    kadAddresses: ports.map(at),
    batAddresses: lies(victim, 0).batAddresses,
    brokers: [5870, 5871, 5872].map(
      (port): BrokerContact => ({ nodeId: randomBytes(32) as Uint8Array as NodeId, kad: at(port + 10 * variant) }),
    ),
    flags: { isPublic: variant % 2 === 0, relays: true, stores: true, isLeaving: false, hasNoUdp: false },
    natMapping: 'unknown',
  };
}

/** Answers as the node does, and names ids next to what is looked for, which are nowhere. */
class LyingRpc extends SessionRpc {
  victim = '';

  override onRequest(handler: RpcHandler): void {
    super.onRequest((asked) => {
      const answer = handler(asked);
      const { request } = asked;
      if (answer.type === 'nodes' && request.type === 'find-node') return { ...answer, contacts: this.#named(request.target) };
      return answer.type === 'values' && request.type === 'find-value' ? { ...answer, contacts: this.#named(request.key) } : answer;
    });
  }

  #named(key: Uint8Array): CompactContact[] {
    return Array.from({ length: INVENTED }, () => {
      const nodeId = Uint8Array.from(key) as NodeId;
      nodeId.set(randomBytes(4), 28);
      return { nodeId, address: { host: this.victim, port: 1024 + Math.floor(Math.random() * 60_000) } };
    });
  }
}

async function addId(index: number): Promise<void> {
  const victim = present(orders.victims[index % orders.victims.length], 'a victim');
  const runtime = createSystemRuntime();
  const signer = keyPairFromSeed(randomBytes(32));
  const rpc = new LyingRpc(runtime, new UdpSocket({ host: '0.0.0.0', port: 0 }), signer, crypto, {
    network: { name: 'batchain' },
    ownHosts: () => [],
  });
  rpc.victim = victim;
  const node = new KadNode(runtime, { rpc, signer, crypto }, makeKadConfig());
  let sequence = Date.now();
  let variant = index;
  const introduce = async (target: NodeId, brokers: readonly Address[], signal: Uint8Array): Promise<boolean> => {
    const first = Math.floor(Math.random() * brokers.length);
    for (const broker of [...brokers.slice(first), ...brokers.slice(0, first)]) {
      const asked = await rpc.request(broker, undefined, { type: 'introduce', target, signal });
      if (asked.ok && asked.value.response.type === 'introduced' && asked.value.response.outcome === 'passed') return true;
    }
    return false;
  };
  const punch = async (target: NodeId, callId: Uint8Array, brokers: readonly Address[]): Promise<void> => {
    const content = { step: 'facts', facts: punchLies(victim, variant) } as const;
    const bytes = signPunch(signer, { callId, from: signer.publicKey, to: target, content });
    for (let i = 0; i < 4 && !stop.signal.aborted; i++) {
      if (await introduce(target, brokers, bytes)) {
        counts.punches++;
        return;
      }
      await pause(500);
    }
  };
  const say = (kind: ReachSignal['kind'], to: NodeId, callId: Uint8Array, at: number): Uint8Array =>
    signSignal(signer, {
      kind,
      callId,
      from: signer.publicKey,
      to,
      sequence: at,
      nonce: randomBytes(16),
      facts: lies(victim, variant),
    });
  node.onSignal(({ from, bytes, via }) => {
    const opened = openSignal(crypto.verifier, bytes, { from, to: signer.nodeId });
    if (!opened.ok || performance.now() < callsFromMs) return;
    const { kind, callId } = opened.value;
    const known = orders.targets.find(({ nodeId }) => nodeId === toHex(from));
    const brokers = known?.brokers ?? [via];
    if (kind === 'answer') counts.answers++;
    else {
      counts.callsOfOthers++;
      void introduce(from, [via, ...brokers], say('answer', from, callId, opened.value.sequence));
    }
    void punch(nodeIdFromPublicKey(opened.value.from), callId, brokers);
  });
  await node.start();
  await node.bootstrap(orders.brokers);
  // Whom nobody has met is asked for at the victim's alone.
  const invent = async (): Promise<void> => {
    variant++;
    const records = Array.from({ length: INVENTED }, (_, i) => {
      const record = signContact(keyPairFromSeed(randomBytes(32)), { ...recordLies(victim, variant + i), sequence: Date.now() });
      return { bytes: record.bytes, ageMs: 0 };
    });
    for (const broker of new Set([...orders.brokers, ...orders.targets.flatMap((target) => target.brokers)])) {
      const asked = await rpc.request(broker, undefined, { type: 'store', kind: 'contact', records });
      if (asked.ok && asked.value.response.type === 'stored' && asked.value.response.outcomes.includes('stored')) counts.records++;
    }
  };
  while (performance.now() < callsFromMs) {
    await invent();
    await pause(TURN_MS);
  }
  node.setContact({ ...recordLies(victim, 0) });
  while (!stop.signal.aborted) {
    await invent();
    for (const { nodeId, brokers } of orders.targets) {
      const target = present(fromHex(nodeId, 32), 'an id') as NodeId;
      sequence = Math.max(sequence + 1, Date.now());
      counts.calls++;
      if (await introduce(target, brokers, say('call', target, randomBytes(16), sequence))) counts.passed++;
    }
    for (const broker of [...orders.brokers, ...orders.targets.flatMap((target) => target.brokers)]) {
      const asked = await rpc.request(broker, undefined, { type: 'probe', address: { host: victim, port: 7000 }, nonce: randomBytes(8) });
      if (asked.ok && asked.value.response.type === 'probed' && asked.value.response.outcome === 'sent') counts.probes++;
    }
    await pause(TURN_MS * IDS * (0.5 + Math.random()));
  }
}

const ids = Array.from({ length: IDS }, (_, i) => pause(i * TURN_MS).then(() => addId(i)));
process.stdout.write('{"ready":true}\n');
await once(process.stdin.resume(), 'end');
stop.abort();
await Promise.race([Promise.allSettled(ids), pause(1_000)]);
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exit(0);
