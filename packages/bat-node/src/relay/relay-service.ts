// driven: the relay: joins the streams of two nodes that ask for the same circuit; dials nobody, keeps nothing (T9).
import { compareBytes, type NodeId, type Runtime, toHex } from '@batchain/shared';
import type { BatSession, BatStream } from '../connection/bat-session.ts';
import {
  RELAY_BYTES_PER_DAY,
  RELAY_CIRCUIT_BYTES_MAX,
  RELAY_CIRCUIT_MS_MAX,
  RELAY_CIRCUITS_MAX,
  RELAY_CIRCUITS_PER_NODE_MAX,
  RELAY_QUIET_MS,
  RELAY_WAIT_MS,
} from '../limits.ts';
import { batAnswerCodec } from '../wire/frame-codecs.ts';
import type { BatRequest, RelayRefusal } from '../wire/frames.ts';
import { RelayCircuit } from './relay-circuit.ts';
import { RelayQuota } from './relay-quota.ts';

export interface RelayConfig {
  /** RELAY_BYTES_PER_DAY by default. */
  readonly bytesPerDay?: number;
  /** RELAY_CIRCUIT_BYTES_MAX by default. */
  readonly bytesPerCircuit?: number;
  /** RELAY_CIRCUITS_MAX by default. */
  readonly circuitsMax?: number;
}

/** What a relay carries, for its owner to see. Bytes are counted once, however many sockets they pass. */
export interface RelayUsage {
  /** Both ends there. */
  readonly openCircuits: number;
  /** One end there. */
  readonly waitingCircuits: number;
  readonly bytesToday: number;
  readonly bytesPerDay: number;
  /** Until `bytesToday` begins anew. */
  readonly msLeftToday: number;
  /** Since the start. */
  readonly circuitsTotal: number;
  readonly bytesTotal: number;
}

type RelayRequest = Extract<BatRequest, { readonly verb: 'relay' }>;

/** A circuit's name together with its two nodes, whoever asks: nobody else can come between them. */
function nameOf({ circuit, peer }: RelayRequest, own: NodeId): string {
  const [low, high] = compareBytes(own, peer) < 0 ? [own, peer] : [peer, own];
  return `${toHex(circuit)} ${toHex(low)} ${toHex(high)}`;
}

export class RelayService {
  readonly #runtime: Runtime;
  readonly #config: Required<RelayConfig>;
  readonly #quota: RelayQuota;
  readonly #circuits = new Set<RelayCircuit>();
  /** By name: one end has come. */
  readonly #waiting = new Map<string, RelayCircuit>();
  readonly #byNode = new Map<string, number>();
  #circuitsTotal = 0;

  constructor(runtime: Runtime, config: RelayConfig = {}) {
    this.#runtime = runtime;
    this.#config = {
      bytesPerDay: RELAY_BYTES_PER_DAY,
      bytesPerCircuit: RELAY_CIRCUIT_BYTES_MAX,
      circuitsMax: RELAY_CIRCUITS_MAX,
      ...config,
    };
    this.#quota = new RelayQuota(this.#config.bytesPerDay, runtime.clock.monotonicMs());
  }

  /** Serves the stream that such a request opened; resolves when its circuit has ended. */
  async serve(session: BatSession, stream: BatStream, request: RelayRequest): Promise<void> {
    const { nodeId } = session.connection.peer;
    const node = toHex(nodeId);
    const name = nameOf(request, nodeId);
    const earlier = this.#waiting.get(name);
    const isAgain = earlier?.nodes.includes(node) === true;
    // Its earlier stream is lost, or of no use to it any more.
    if (isAgain) earlier?.end('replaced');
    const waiting = isAgain ? undefined : earlier;
    const refusal = this.#refusalOf(node, toHex(request.peer), waiting !== undefined);
    if (refusal !== undefined) {
      waiting?.refuse(refusal, 'said to the other node');
      await stream.sendControl(batAnswerCodec.encode({ kind: 'refused', reason: refusal, detail: '' }));
      return stream.end();
    }
    this.#byNode.set(node, this.#countOf(node) + 1);
    // What it fails for, the circuit hears as well.
    stream.sendControl(this.#readyAnswer()).catch(() => undefined);
    return (waiting === undefined ? this.#begin(name, node, stream) : this.#join(name, waiting, node, stream)).done;
  }

  usage(): RelayUsage {
    const nowMs = this.#runtime.clock.monotonicMs();
    return {
      openCircuits: this.#circuits.size - this.#waiting.size,
      waitingCircuits: this.#waiting.size,
      bytesToday: this.#quota.bytesToday(nowMs),
      bytesPerDay: this.#config.bytesPerDay,
      msLeftToday: this.#quota.msLeftToday(nowMs),
      circuitsTotal: this.#circuitsTotal,
      bytesTotal: this.#quota.bytesTotal,
    };
  }

  #refusalOf(node: string, peer: string, isJoining: boolean): RelayRefusal | undefined {
    if (node === peer) return 'no-counterpart';
    if (this.#quota.leftToday(this.#runtime.clock.monotonicMs()) <= 0) return 'relay-quota';
    if (this.#countOf(node) >= RELAY_CIRCUITS_PER_NODE_MAX) return 'relay-full';
    return isJoining || this.#hasRoom() ? undefined : 'relay-full';
  }

  /** Another circuit fits, if need be in place of the one that has carried next to nothing for longest. */
  #hasRoom(): boolean {
    if (this.#circuits.size < this.#config.circuitsMax) return true;
    const [quietest] = [...this.#circuits].sort((one, other) => other.quietMs - one.quietMs);
    if (quietest === undefined || quietest.quietMs < RELAY_QUIET_MS) return false;
    quietest.end('relay-full');
    return true;
  }

  #begin(name: string, node: string, stream: BatStream): RelayCircuit {
    const { bytesPerCircuit } = this.#config;
    const limits = { bytesMax: bytesPerCircuit, msMax: RELAY_CIRCUIT_MS_MAX, waitMs: RELAY_WAIT_MS };
    const circuit = new RelayCircuit(this.#runtime.clock, this.#quota, limits, { node, stream }, () => this.#ended(name, circuit));
    this.#circuits.add(circuit);
    this.#waiting.set(name, circuit);
    return circuit;
  }

  #join(name: string, circuit: RelayCircuit, node: string, stream: BatStream): RelayCircuit {
    this.#waiting.delete(name);
    this.#circuitsTotal += 1;
    circuit.join(node, stream);
    return circuit;
  }

  #ended(name: string, circuit: RelayCircuit): void {
    this.#circuits.delete(circuit);
    if (this.#waiting.get(name) === circuit) this.#waiting.delete(name);
    for (const node of circuit.nodes) {
      const left = this.#countOf(node) - 1;
      if (left > 0) this.#byNode.set(node, left);
      else this.#byNode.delete(node);
    }
    this.#runtime.log.debug('bat.relay.ended', { nodes: circuit.nodes, bytes: circuit.movedBytes });
  }

  #countOf(node: string): number {
    return this.#byNode.get(node) ?? 0;
  }

  #readyAnswer(): Uint8Array {
    const bytesLeftToday = this.#quota.leftToday(this.#runtime.clock.monotonicMs());
    return batAnswerCodec.encode({
      kind: 'relay-ready',
      bytesMax: this.#config.bytesPerCircuit,
      bytesLeftToday,
      msMax: RELAY_CIRCUIT_MS_MAX,
    });
  }
}
