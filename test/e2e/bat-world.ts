// BatNodes in one process over real TLS on loopback, finding one another through a list instead of a DHT.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WsDialer, WsListener } from '@batchain/bat-node';
import { keyPairFromSeed } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { type BatMember, type BatMemberOptions, createBatMember, type Serving } from '../support/bat-member.ts';
import { NodeList } from '../support/node-list.ts';

export type { BatMember, Serving } from '../support/bat-member.ts';

export type MemberWishes = Partial<
  Pick<BatMemberOptions, 'serving' | 'flowRuntime' | 'stagePool' | 'ownerStore' | 'journalFolder' | 'disk'>
> & {
  /** Its key follows from this number. */
  readonly seed?: number;
};

export class BatWorld {
  readonly folder: string;
  readonly members: BatMember[] = [];
  readonly list: NodeList = new NodeList();
  #seed = 1;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<BatWorld> {
    return new BatWorld(await mkdtemp(join(tmpdir(), 'batchain-flows-')));
  }

  async add(offerBytes: number, wishes: MemberWishes = {}): Promise<BatMember> {
    const runtime = createSystemRuntime();
    const seed = wishes.seed ?? this.#seed++;
    const keyPair = keyPairFromSeed(new Uint8Array(32).fill(seed));
    const member = await createBatMember(runtime, {
      keyPair,
      list: this.list,
      dialer: new WsDialer(runtime, keyPair, { ownHosts: () => ['127.0.0.1'] }),
      listener: new WsListener(runtime, keyPair, { host: '127.0.0.1', port: 0 }),
      offerBytes,
      journalFolder: join(this.folder, `journals-${seed}`),
      ...wishes,
    });
    this.members.push(member);
    return member;
  }

  /** A host that serves in a way of its own. */
  addHost(serving?: Serving): Promise<BatMember> {
    return this.add(100 * 1024 * 1024, serving === undefined ? {} : { serving });
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    await rm(this.folder, { recursive: true, force: true });
  }
}
