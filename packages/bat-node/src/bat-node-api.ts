// pure: the BatNode surface that the participant, the local API and programs use. `bat-node.ts` implements it.
import type {
  AuditOptions,
  DigestRange,
  DigestResult,
  DownloadOptions,
  DownloadResult,
  FileAudit,
  FileEntry,
  FileInfo,
  FlowOptions,
  LeaveOptions,
  LeaveResult,
  ReleaseResult,
  StreamOptions,
  UploadOptions,
  UploadResult,
} from './flow/flow-types.ts';
import type { StoreUsage } from './ports.ts';

/** A file by manifest path, unique id prefix (hex), or name. */
export type FileRef = string;

/** Every rejection is a BatChainError with a documented code. */
export interface BatNodeApi {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Uploads the regular file at an absolute path; resumes an interrupted upload of the same bytes (BN-01, BN-04). */
  upload(path: string, options?: UploadOptions): Promise<UploadResult>;
  /** Downloads to an absolute path; nothing appears under it before every byte was checked (BN-24). */
  download(ref: FileRef, targetPath: string, options?: DownloadOptions): Promise<DownloadResult>;
  /**
   * Streams the file's bytes, or a range of them, in order; each piece was verified before it is given out. The last item is followed
   * by the result. Of a range only the segments are fetched that hold it. Bytes are a read capability, see `capability`.
   */
  downloadStream(ref: FileRef | Uint8Array, options?: StreamOptions): AsyncGenerator<Uint8Array, DownloadResult>;
  /** The read capability of a file as compact bytes: whoever has them can read it. BAT_E_FILE_TOO_LARGE beyond 512 KiB. */
  capability(ref: FileRef): Promise<Uint8Array>;
  audit(ref: FileRef, options?: AuditOptions): Promise<FileAudit>;
  list(): Promise<readonly FileEntry[]>;
  info(ref: FileRef): Promise<FileInfo>;
  /** Releases the shards at the hosts, and removes the manifest of our home and our record of the file. */
  release(ref: FileRef, options?: FlowOptions): Promise<ReleaseResult>;
  /** Has every host of the shard hash these bytes where they lie (BD-45). */
  digest(ref: FileRef, range: DigestRange, options?: FlowOptions): Promise<DigestResult>;
  /**
   * Hands every shard that this host keeps for others to other hosts, worst files first (SH-04, BD-44). From now on, over restarts, it
   * takes none, until `rejoin`; what it moved it tells whoever may know (SH-12). Goes on where an earlier call was ended; a call under
   * way is joined.
   */
  leave(options?: LeaveOptions): Promise<LeaveResult>;
  /** The leave is over, as far as it went: the next start is an ordinary host's. Nothing is announced again. */
  endLeave(): Promise<void>;
  /** Ends a leave under way; this host takes shards again, and says what it holds. What it handed over stays where it is. */
  rejoin(): Promise<void>;
  readonly isLeaving: boolean;
  usage(): StoreUsage;
}
