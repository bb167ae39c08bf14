// driven: the walk through the main job on a sample network: upload, lose hosts, download, compare, audit (BN-44).
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type AuditResult, formatSize, type GetResult, type PutResult } from '@batchain/participant/client';
import { BatChainError, type Clock, type Random, second } from '@batchain/shared';
import { countText } from '../output/health-text.ts';
import { makeExampleText } from './example-text.ts';
import { nodeHome, removeSample, writeSampleHome } from './sample-home.ts';
import { SampleNode } from './sample-node.ts';
import { SAMPLE_SEGMENT_BYTES, type SamplePlan } from './sample-plan.ts';

/** Records of hosts spread within this time after they are ready. */
const HOSTS_WAIT_MS: number = 10 * second;
const POLL_MS = 50;

export interface WalkTools {
  readonly clock: Clock;
  readonly entropy: Random;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface WalkResult {
  readonly put: PutResult;
  readonly get: GetResult;
  readonly audit: AuditResult;
  readonly isIdentical: boolean;
  readonly stopped: readonly string[];
}

export class SampleWalk {
  readonly #tools: WalkTools;
  readonly #plan: SamplePlan;
  readonly #folder: string;
  readonly #hosts: SampleNode[] = [];
  #you: SampleNode | undefined;

  constructor(tools: WalkTools, plan: SamplePlan, folder: string) {
    this.#tools = tools;
    this.#plan = plan;
    this.#folder = folder;
  }

  get #owner(): SampleNode {
    if (this.#you === undefined) throw new BatChainError('BAT_E_INTERNAL', { what: 'the sample has no owner yet' });
    return this.#you;
  }

  #startHost(number: number, join: readonly string[]): Promise<SampleNode> {
    return SampleNode.start({ name: `node${number}`, home: nodeHome(this.#folder, number), offer: '256MiB', join }, this.#tools.signal);
  }

  /** The first host alone, then the others through it, then the owner. */
  async start(): Promise<void> {
    const { signal, say, entropy } = this.#tools;
    const { hosts, knowsAllHosts } = this.#plan;
    say(`Starting a network on this computer (${hosts + 1} nodes, nothing leaves 127.0.0.1)`);
    const first = await this.#startHost(1, []);
    this.#hosts.push(first);
    const others = Array.from({ length: hosts - 1 }, (_, i) => this.#startHost(i + 2, [first.ready.kad]));
    // Those that did start are ended with the rest when one did not.
    for (const started of await Promise.allSettled(others)) if (started.status === 'fulfilled') this.#hosts.push(started.value);
    await Promise.all(others);
    for (const host of this.#hosts) say(nodeLine(host, 'storage'));
    const number = hosts + 1;
    const join = (knowsAllHosts ? this.#hosts : [first]).map((host) => host.ready.kad);
    this.#you = await SampleNode.start({ name: `node${number}`, home: nodeHome(this.#folder, number), offer: '0', join }, signal);
    writeSampleHome(this.#folder, this.#you.paths.home, entropy);
    const online = await this.#waitForHosts();
    say(`${nodeLine(this.#you, 'you')}   knows ${countText(online, 'peer')}`);
  }

  async #waitForHosts(): Promise<number> {
    const { clock, signal } = this.#tools;
    const endMs = clock.monotonicMs() + HOSTS_WAIT_MS;
    for (;;) {
      const { online } = (await this.#owner.client.status({ signal })).peers;
      if (online >= this.#plan.hosts || clock.monotonicMs() > endMs) return online;
      await clock.sleep(POLL_MS, signal);
    }
  }

  async run(): Promise<WalkResult> {
    const source = this.#writeExample();
    const put = await this.#upload(source);
    const stopped = await this.#stopSome();
    const get = await this.#download(put);
    const isIdentical = this.#compare(source, get);
    const audit = await this.#audit(put);
    return { put, get, audit, isIdentical, stopped: stopped.map(({ name }) => name) };
  }

  #writeExample(): string {
    const folder = join(this.#owner.paths.home, 'personal');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, 'example.txt');
    writeFileSync(path, makeExampleText(), { mode: 0o600 });
    return path;
  }

  /** Hosts that have only just started may not be known as hosts yet: the upload is tried until they are. */
  async #upload(path: string): Promise<PutResult> {
    const { clock, signal, say } = this.#tools;
    const { policy } = this.#plan;
    say('');
    say(`Uploading ${relative(this.#folder, path)} (${formatSize(readFileSync(path).length)})`);
    const endMs = clock.monotonicMs() + HOSTS_WAIT_MS;
    for (;;) {
      try {
        const put = await this.#owner.client.put({ path, policy, segmentSizeBytes: SAMPLE_SEGMENT_BYTES }, { signal });
        say(
          `  cut into ${countText(put.segments, 'encrypted segment')}, ${countText(policy.n, 'shard')} each: ${countText(put.segments * policy.n, 'shard')}`,
        );
        if (policy.n > 1) say(`  any ${policy.k} of ${policy.n} hosts can give it back`);
        for (const host of this.#byName(put.hosts)) say(`  ${this.#nameOf(host.nodeId)}/hosted  ${countText(host.shards, 'shard')}`);
        say(`  manifest      ${relative(this.#folder, put.manifest)}`);
        return put;
      } catch (error) {
        const isEarly = error instanceof BatChainError && error.code === 'BAT_E_NOT_ENOUGH_PEERS' && clock.monotonicMs() < endMs;
        if (!isEarly) throw error;
        await clock.sleep(POLL_MS * 4, signal);
      }
    }
  }

  /** The last hosts, so that the one everybody joined through stays. */
  async #stopSome(): Promise<readonly SampleNode[]> {
    const { say } = this.#tools;
    const stopped = this.#plan.stopped === 0 ? [] : this.#hosts.slice(-this.#plan.stopped);
    const names = stopped.map(({ name }) => name).join(', ');
    say('');
    say(names === '' ? 'Downloading (one copy: its host may not stop)' : `Stopping ${names}, then downloading with what is left`);
    await Promise.all(stopped.map((node) => node.end(this.#tools.clock, 'SIGKILL')));
    return stopped;
  }

  async #download(put: PutResult): Promise<GetResult> {
    const path = join(this.#owner.paths.home, 'personal', 'example-back.txt');
    rmSync(path, { force: true });
    const get = await this.#owner.client.download(put.manifest, { path }, { signal: this.#tools.signal });
    const from = this.#byName(get.hosts.map((nodeId) => ({ nodeId })))
      .map(({ nodeId }) => this.#nameOf(nodeId))
      .join(', ');
    this.#tools.say(`  ${countText(put.segments, 'segment')} from ${from}, hashes match`);
    return get;
  }

  #compare(source: string, get: GetResult): boolean {
    const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
    const isIdentical = hashOf(source) === hashOf(get.path ?? '');
    this.#tools.say(`  ${relative(this.#folder, get.path ?? '')} is ${isIdentical ? 'identical' : 'DIFFERENT'}`);
    return isIdentical;
  }

  async #audit(put: PutResult): Promise<AuditResult> {
    const { say, signal } = this.#tools;
    say('');
    say('Asking the hosts to prove that they still hold the shards');
    const audit = await this.#owner.client.audit(put.id, {}, { signal });
    const rows = audit.files[0]?.shards ?? [];
    for (const host of this.#byName(put.hosts)) {
      const own = rows.filter((row) => row.host === host.nodeId);
      const passed = own.filter((row) => row.outcome === 'passed').length;
      const rest = own.filter((row) => row.outcome !== 'passed').map((row) => row.outcome);
      say(
        `  ${this.#nameOf(host.nodeId)}  ${passed}/${own.length} proved${rest.length === 0 ? '' : `, ${rest.length} ${[...new Set(rest)].join(', ')}`}`,
      );
    }
    return audit;
  }

  #nameOf(nodeId: string): string {
    return [...this.#hosts, this.#owner].find(({ ready }) => ready.nodeId === nodeId)?.name ?? nodeId.slice(0, 8);
  }

  #byName<T extends { readonly nodeId: string }>(hosts: readonly T[]): T[] {
    return hosts.toSorted((a, b) => (this.#nameOf(a.nodeId) < this.#nameOf(b.nodeId) ? -1 : 1));
  }

  /** Brings stopped hosts back, with their homes, and asks until all have proved their shards again: what `ls` shows then is so. */
  async restart(names: readonly string[], put: PutResult): Promise<void> {
    const [first] = this.#hosts;
    for (const [i, host] of this.#hosts.entries()) {
      if (!names.includes(host.name)) continue;
      this.#hosts[i] = await this.#startHost(i + 1, first === undefined || first === host ? [] : [first.ready.kad]);
    }
    const { clock, signal } = this.#tools;
    const endMs = clock.monotonicMs() + HOSTS_WAIT_MS;
    for (;;) {
      const { files } = await this.#owner.client.audit(put.id, {}, { signal });
      if (files[0]?.verdict === 'good' || clock.monotonicMs() > endMs) return;
      await clock.sleep(POLL_MS * 4, signal);
    }
  }

  /** Ends all nodes; `keeps` leaves their folders. */
  async end(keeps: boolean): Promise<void> {
    const nodes = this.#you === undefined ? this.#hosts : [this.#you, ...this.#hosts];
    await Promise.all(nodes.map((node) => node.end(this.#tools.clock, 'SIGTERM')));
    if (!keeps) removeSample(this.#folder);
  }
}

function nodeLine({ name, ready }: SampleNode, part: string): string {
  const port = (address: string): string => address.slice(address.lastIndexOf(':') + 1);
  return `  ${name}  ${part.padEnd(7)}   kad ${port(ready.kad)}  bat ${port(ready.bat)}   ready`;
}
