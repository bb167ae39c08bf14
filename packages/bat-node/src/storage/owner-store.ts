// pure: the OwnerStore port: what an owner's home keeps of its own files, beside the manifests themselves.
import type { Health } from '../placement/health.ts';
import type { Placing } from '../placement/placing.ts';
import type { Policy } from '../placement/policy.ts';

/** A lease that a host signed for a file of ours. */
export interface OwnedLease {
  /** Node id of the host, hex. */
  readonly host: string;
  readonly leaseUntilMs: number;
  /** When the host last signed for it. */
  readonly renewedAtMs: number;
  /** What it signed for: base64url of one 16-bit number per segment, index + 1, or 0 for none. */
  readonly shards: string;
}

/** Questions that one host left open at the same time. */
export interface ContainedHost {
  /** Node id, hex. */
  readonly host: string;
  /** Wall clock, as all times here: when it was first asked in vain. */
  readonly sinceMs: number;
  readonly nextMs: number;
  /** Times that the clock has asked again in vain. */
  readonly rounds: number;
  /** It was asked for the last time: its shards count as lost for repair, until it proves them. */
  readonly isLost: boolean;
  /** Packed. */
  readonly questions: string;
}

/** What an audit found, kept while questions are open. */
export interface AuditMemory {
  /** Base64url, a bit for each index of each segment: somebody passed for it. */
  readonly passed: string;
  /** Base64url, a byte for each segment: 1 when everybody without an open question has answered. */
  readonly answered: string;
}

/** One file of ours. Plain JSON values only: it is stored as such. */
export interface OwnedFile {
  /** File id, hex. */
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly policy: Policy;
  readonly manifestPath: string;
  readonly addedAtMs: number;
  readonly checkedAtMs: number | null;
  readonly health: Health;
  readonly shardsHealthy: number;
  readonly leases: readonly OwnedLease[];
  /** What the upload left unplaced, while the daemon goes on with it; and why it gave up. */
  readonly placing?: Placing;
  /** Questions of audits that hosts did not answer. */
  readonly contained?: readonly ContainedHost[];
  /** There while questions are open. */
  readonly findings?: AuditMemory;
}

export interface SaveManifestOptions {
  /** Where instead of the manifest folder; the folder's names never overwrite: NAME, NAME-2, ... */
  readonly path?: string;
  readonly isForced?: boolean;
}

/**
 * Durable when a write resolves. Only what is not there is absent: a record that can not be read throws BAT_E_HOME_UNUSABLE, for a
 * file that looks like none would be lost when its leases end.
 */
export interface OwnerStore {
  open(): Promise<void>;
  /** File ids in hex, in no order; one by one, none holds up another. */
  ids(): Promise<readonly string[]>;
  list(): Promise<readonly OwnedFile[]>;
  get(id: string): Promise<OwnedFile | undefined>;
  put(file: OwnedFile): Promise<void>;
  /** Reads, changes and writes with nothing in between; undefined, and nothing is written, when the file is not ours any more. */
  update(id: string, change: (file: OwnedFile) => OwnedFile): Promise<OwnedFile | undefined>;
  remove(id: string): Promise<void>;
  /**
   * Where `saveManifest` would write, found out without leaving anything there: for an explicit path, which may be a folder; undefined
   * for the manifest folder. Throws BAT_E_TARGET_EXISTS, BAT_E_TARGET_UNWRITABLE.
   */
  planManifest(name: string, options?: SaveManifestOptions): Promise<string | undefined>;
  /** Throws BAT_E_TARGET_EXISTS for an explicit path that is taken and not forced. Returns the path. */
  saveManifest(name: string, bytes: Uint8Array, options?: SaveManifestOptions): Promise<string>;
  /** A text that changes with the manifest file at the path; undefined when nothing is there. Costs no read. */
  manifestVersion(path: string): Promise<string | undefined>;
  /** Bytes of a manifest file, at most 16 MiB. Throws BAT_E_REF_NOT_FOUND, BAT_E_FILE_UNREADABLE, BAT_E_MANIFEST_MALFORMED. */
  readManifest(path: string): Promise<Uint8Array>;
  removeManifest(path: string): Promise<void>;
}
