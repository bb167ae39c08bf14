// driven: a laboratory of processes: every node the daemon of a home of its own, on loopback.
import { existsSync } from 'node:fs';
import { ensureHome, loadIdentityFile } from '@batchain/participant/client';
import { BatChainError, mapInFlight, present, type Runtime, toHex } from '@batchain/shared';
import { isApart, type LabFaults, NO_FAULTS } from '../faults/fault-table.ts';
import { readFollowed } from '../files/followed.ts';
import { type LabNode, type LabState, readLab, writeLab } from '../files/lab-file.ts';
import { nodePaths, openLabFolder, removeIfEmpty, removeLabFolder } from '../files/lab-folder.ts';
import type { LabCallOptions, LabNodeStatus, LabOptions, LabStatus, LabUpOptions } from '../lab-types.ts';
import {
  FOLLOW_TIMEOUT_MS,
  JOIN_THROUGH_MAX,
  LAB_NODES_DEFAULT,
  LAB_PROCESSES_MAX,
  LOOPBACK,
  MEET_PEERS_MIN,
  MEET_TIMEOUT_MS,
  POLL_MS,
  QUESTIONS_IN_FLIGHT_MAX,
  START_TRIES_MAX,
  STARTS_IN_FLIGHT_MAX,
} from '../limits.ts';
import { chooseVictims, nodeName, parseGroups } from '../node-words.ts';
import { chooseFreePorts } from './free-ports.ts';
import { askNode, killNode, nodePid, startNode, stopNode } from './node-process.ts';

const NEVER = new AbortController().signal;
const kadOf = ({ kadPort }: LabNode): string => `${LOOPBACK}:${kadPort}`;
const batOf = ({ batPort }: LabNode): string => `${LOOPBACK}:${batPort}`;

export class ProcessLab {
  readonly #runtime: Runtime;
  readonly #options: LabOptions;

  constructor(runtime: Runtime, options: LabOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  get #folder(): string {
    return this.#options.folder;
  }

  /** Throws BAT_E_NO_LAB. */
  #state(): LabState {
    const state = readLab(this.#folder);
    if (state?.isUp === true) return state;
    throw new BatChainError('BAT_E_NO_LAB', { what: 'no laboratory is up', why: `there is none in ${this.#folder}` });
  }

  #isUp(node: LabNode): boolean {
    return nodePid(this.#folder, node) !== undefined;
  }

  async #changing<T>(change: () => Promise<T>): Promise<T> {
    const lock = openLabFolder(this.#folder, this.#runtime.entropy);
    try {
      return await change();
    } finally {
      lock.release();
    }
  }

  #write(state: LabState, changes: Partial<LabState>): LabState {
    const next = { ...state, ...changes, revision: state.revision + 1 };
    writeLab(this.#folder, next, this.#runtime.entropy);
    return next;
  }

  async up(options: LabUpOptions): Promise<LabStatus> {
    const signal = options.signal ?? NEVER;
    const made = await this.#changing(async () => {
      const before = readLab(this.#folder);
      const state = await this.#plan(before, options);
      const missing = state.nodes.filter((node) => !this.#isUp(node));
      try {
        await this.#startAll(state, missing, options, signal);
      } catch (error) {
        for (const node of missing) await killNode(this.#runtime.clock, this.#folder, node, NEVER);
        if (before === undefined) removeLabFolder(this.#folder);
        throw error;
      }
      return this.#state();
    }).catch((error: unknown) => {
      removeIfEmpty(this.#folder);
      throw error;
    });
    await this.#untilFollowed(made, signal);
    await this.#untilMet(made, signal);
    return this.status({ signal });
  }

  /** Writes down what there is to be: new homes with their keys and ports, so that all nodes know one another from the start. */
  async #plan(before: LabState | undefined, { nodes, lossPercent, delayMs }: LabUpOptions): Promise<LabState> {
    const known = before?.nodes ?? [];
    const count = Math.max(known.length, nodes ?? (known.length || LAB_NODES_DEFAULT));
    if (count > LAB_PROCESSES_MAX)
      throw new BatChainError('BAT_E_USAGE', {
        what: `${count} nodes are too many for processes`,
        why: `at most ${LAB_PROCESSES_MAX}`,
        fix: `batchain lab up --simulated --nodes ${count}`,
      });
    const ports = await chooseFreePorts(count - known.length);
    const added = ports.map((own, i) => this.#makeNode(nodeName(known.length + i + 1), own));
    const faults: LabFaults = {
      ...(before?.faults ?? NO_FAULTS),
      ...(lossPercent === undefined ? {} : { lossPercent }),
      ...(delayMs === undefined ? {} : { delayMs }),
    };
    const empty: LabState = {
      format: 1,
      revision: 0,
      mode: 'processes',
      network: this.#options.network ?? 'batchain-lab',
      isUp: true,
      faults,
      nodes: [],
    };
    return this.#write(before ?? empty, { isUp: true, faults, nodes: [...known, ...added] });
  }

  #makeNode(name: string, ports: { readonly kadPort: number; readonly batPort: number }): LabNode {
    const paths = nodePaths(this.#folder, name);
    ensureHome(paths, this.#runtime.entropy);
    const { nodeId } = present(loadIdentityFile(paths.identityFile), 'the identity of a home that was made');
    return { name, nodeId: toHex(nodeId), ...ports, home: paths.home, control: paths.controlPath };
  }

  /** The first alone when none is up, then the others through those that are. */
  async #startAll(state: LabState, missing: readonly LabNode[], options: LabUpOptions, signal: AbortSignal): Promise<void> {
    const up = state.nodes.filter((node) => !missing.includes(node));
    const begin = async (node: LabNode): Promise<void> => {
      up.push(await this.#start(node, up, state.faults, options, signal));
    };
    const [first, ...rest] = missing;
    if (first !== undefined && up.length === 0) await begin(first);
    await mapInFlight(up.length === 1 && up[0]?.name === first?.name ? rest : missing, STARTS_IN_FLIGHT_MAX, begin);
  }

  /** With other ports when its own are taken by now. */
  async #start(
    node: LabNode,
    up: readonly LabNode[],
    { groups }: LabFaults,
    { join = [], onReady }: LabUpOptions,
    signal: AbortSignal,
  ): Promise<LabNode> {
    const near = up.filter((other) => !isApart(groups, node.name, other.name)).slice(0, JOIN_THROUGH_MAX);
    const order = { folder: this.#folder, name: node.name, join: [...near.map(kadOf), ...join] };
    let own = node;
    for (let tries = 1; ; tries++) {
      try {
        const ready = await startNode(this.#runtime.clock, { ...order, endsWithParent: this.#options.endsWithProcess === true }, signal);
        onReady?.({ ...ready, name: node.name });
        return own;
      } catch (error) {
        if (!(error instanceof BatChainError) || error.code !== 'BAT_E_PORT_IN_USE' || tries >= START_TRIES_MAX) throw error;
        own = await this.#movePorts(own);
      }
    }
  }

  async #movePorts(node: LabNode): Promise<LabNode> {
    const [ports] = await chooseFreePorts(1);
    const moved = { ...node, ...present(ports, 'the ports of one node') };
    const state = this.#state();
    this.#write(state, { nodes: state.nodes.map((other) => (other.name === node.name ? moved : other)) });
    return moved;
  }

  /** Throws BAT_E_TIMEOUT when a node that is up does not follow: it is stopped, or the computer is very busy. */
  async #untilFollowed({ revision, nodes }: LabState, signal: AbortSignal): Promise<void> {
    const { clock } = this.#runtime;
    const endMs = clock.monotonicMs() + FOLLOW_TIMEOUT_MS;
    for (;;) {
      const late = nodes.filter((node) => this.#isUp(node) && readFollowed(node.home) < revision);
      if (late.length === 0) return;
      if (clock.monotonicMs() > endMs)
        throw new BatChainError('BAT_E_TIMEOUT', {
          what: `${late.map(({ name }) => name).join(', ')} did not follow`,
          why: 'stopped, or very busy',
        });
      await clock.sleep(POLL_MS, signal);
    }
  }

  /** Until every node knows some of the others, or for a while: what there is then is told by the status. */
  async #untilMet(state: LabState, signal: AbortSignal): Promise<void> {
    const { clock } = this.#runtime;
    const endMs = clock.monotonicMs() + MEET_TIMEOUT_MS;
    const up = state.nodes.filter((node) => this.#isUp(node));
    const peersOf = (node: LabNode): number =>
      up.filter((other) => other !== node && !isApart(state.faults.groups, node.name, other.name)).length;
    let alone: readonly LabNode[] = up;
    while (alone.length > 0 && clock.monotonicMs() < endMs) {
      const asked = await mapInFlight(alone, QUESTIONS_IN_FLIGHT_MAX, async (node) => ({
        node,
        answer: await askNode(clock, node, signal),
      }));
      alone = asked
        .filter(({ node, answer }) => (answer?.peers.online ?? 0) < Math.min(MEET_PEERS_MIN, peersOf(node)))
        .map(({ node }) => node);
      if (alone.length > 0) await clock.sleep(POLL_MS, signal);
    }
  }

  async status({ signal = NEVER }: LabCallOptions = {}): Promise<LabStatus> {
    const { mode, network, faults, nodes } = this.#state();
    const shown = await mapInFlight(nodes, QUESTIONS_IN_FLIGHT_MAX, (node) => this.#statusOf(node, faults, signal));
    return { folder: this.#folder, mode, network, faults, nodes: shown };
  }

  async #statusOf(node: LabNode, { groups }: LabFaults, signal: AbortSignal): Promise<LabNodeStatus> {
    const { name, nodeId, home, control } = node;
    const pid = nodePid(this.#folder, node);
    const answer = pid === undefined ? undefined : await askNode(this.#runtime.clock, node, signal);
    const isCut = groups.length > 0 && groups.some((group) => group.includes(name));
    return {
      name,
      nodeId,
      state: pid === undefined ? 'killed' : isCut ? 'partitioned' : 'up',
      pid: pid ?? null,
      home,
      kad: kadOf(node),
      bat: batOf(node),
      control,
      joined: answer?.joined ?? false,
      peersOnline: answer?.peers.online ?? 0,
    };
  }

  /** Names of those that were up. */
  kill(words: readonly string[], { signal = NEVER }: LabCallOptions = {}): Promise<readonly string[]> {
    const { nodes } = this.#state();
    return this.#changing(async () => {
      const up = nodes.filter((node) => this.#isUp(node)).map(({ name }) => name);
      const chosen = chooseVictims(
        words,
        nodes.map(({ name }) => name),
        up,
        this.#runtime.random,
      );
      const victims = nodes.filter(({ name }) => chosen.includes(name));
      const killed = await mapInFlight(victims, QUESTIONS_IN_FLIGHT_MAX, (node) =>
        killNode(this.#runtime.clock, this.#folder, node, signal),
      );
      return victims.filter((_, i) => killed[i]).map(({ name }) => name);
    });
  }

  partition(words: readonly string[], options: LabCallOptions = {}): Promise<LabFaults['groups']> {
    return this.#setGroups(
      parseGroups(
        words,
        this.#state().nodes.map(({ name }) => name),
      ),
      options,
    );
  }

  async heal(options: LabCallOptions = {}): Promise<void> {
    await this.#setGroups([], options);
  }

  async #setGroups(groups: LabFaults['groups'], { signal = NEVER }: LabCallOptions): Promise<LabFaults['groups']> {
    this.#state();
    return this.#changing(async () => {
      const state = this.#state();
      await this.#untilFollowed(this.#write(state, { faults: { ...state.faults, groups } }), signal);
      return groups;
    });
  }

  /** False when there was none. `keeps`: the homes stay, and `up` goes on with them. */
  async down({ keeps = false, signal = NEVER }: LabCallOptions & { readonly keeps?: boolean } = {}): Promise<boolean> {
    if (!existsSync(this.#folder)) return false;
    const state = readLab(this.#folder);
    if (state === undefined) return false;
    await this.#changing(async () => {
      await mapInFlight(state.nodes, QUESTIONS_IN_FLIGHT_MAX, (node) => stopNode(this.#runtime.clock, this.#folder, node, signal));
      if (keeps) this.#write(state, { isUp: false, faults: { ...state.faults, groups: [] } });
      else removeLabFolder(this.#folder);
    });
    if (!keeps) removeIfEmpty(this.#folder);
    return state.isUp;
  }
}
