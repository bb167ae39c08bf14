// driven: a roster that somebody brings to a host: received within the budget of all rosters, and opened in turns.
import { equalBytes, fail, ok, type Result, SIGNATURE_BYTES, toHex } from '@batchain/shared';
import type { FileId } from '../ids.ts';
import type { SignedRoster } from '../manifest/manifest.ts';
import { openingRoster } from '../manifest/roster-codec.ts';
import type { BatRefusal } from '../wire/frames.ts';
import type { ServeContext } from './serve-context.ts';

/** Of which file it must be. */
export interface RosterFacts {
  readonly fileId: FileId;
  readonly accessKey: Uint8Array;
  readonly rosterId: Uint8Array;
  readonly rosterBytes: number;
}

/** Runs with room for the roster; too many at a time are refused. */
export async function withRosterRoom(context: ServeContext, bytes: number, run: () => Promise<void>): Promise<void> {
  const peer = toHex(context.session.connection.peer.nodeId);
  if (!context.desk.rosters.take(peer, bytes)) return context.refuse('busy', 'too many rosters at a time');
  try {
    await run();
  } finally {
    context.desk.rosters.give(peer, bytes);
  }
}

/** Takes roster and signature from the stream: the owner's signature, and that it is of this very file. */
export async function receiveRoster(context: ServeContext, facts: RosterFacts): Promise<Result<SignedRoster, BatRefusal>> {
  const bytes = await context.receive(facts.rosterBytes + SIGNATURE_BYTES);
  if (bytes === undefined) return fail('incomplete');
  const rosterBytes = bytes.slice(0, facts.rosterBytes);
  const signature = bytes.slice(facts.rosterBytes);
  const opened = await context.desk.turns.run(openingRoster(context.parts.verifier, rosterBytes, signature));
  if (!opened.ok) return fail('bad-roster', opened.detail);
  const { roster, rosterId } = opened.value;
  const isThis = equalBytes(roster.fileId, facts.fileId) && equalBytes(rosterId, facts.rosterId);
  return isThis && equalBytes(roster.accessKey, facts.accessKey) ? ok(opened.value) : fail('bad-roster', 'it is of something else');
}
