// driven: opens rosters in turns, and remembers the last one that was read from the store: who restores shards asks for it again and again.
import { equalBytes, type Result, type Verifier } from '@batchain/shared';
import type { ManifestFailure, Roster, SignedRoster } from '../manifest/manifest.ts';
import { openingRoster } from '../manifest/roster-codec.ts';
import type { HostedFile, ShardStore } from '../ports.ts';
import type { WorkTurns } from './work-turns.ts';

export class RosterReader {
  readonly #verifier: Verifier;
  readonly #turns: WorkTurns;
  #known: SignedRoster | undefined;
  /** One is read at a time: each may take 12 MiB. */
  #last: Promise<Roster | undefined> = Promise.resolve(undefined);

  constructor(verifier: Verifier, turns: WorkTurns) {
    this.#verifier = verifier;
    this.#turns = turns;
  }

  open(rosterBytes: Uint8Array, signature: Uint8Array): Promise<Result<SignedRoster, ManifestFailure>> {
    return this.#turns.run(openingRoster(this.#verifier, rosterBytes, signature));
  }

  /** The committed roster of a hosted file; undefined when there is none that can be read and is right. */
  committed(store: ShardStore, file: HostedFile): Promise<Roster | undefined> {
    this.#last = this.#last.catch(() => undefined).then(() => this.#read(store, file));
    return this.#last;
  }

  async #read(store: ShardStore, { fileId, rosterId }: HostedFile): Promise<Roster | undefined> {
    if (rosterId === undefined) return undefined;
    if (this.#known !== undefined && equalBytes(this.#known.rosterId, rosterId)) return this.#known.roster;
    const kept = await store.roster(fileId);
    if (!kept.ok) return undefined;
    const opened = await this.open(kept.value.roster, kept.value.signature);
    if (!opened.ok) return undefined;
    this.#known = opened.value;
    return opened.value.roster;
  }
}
