// pure: the BatNode surface that the participant, the local API and programs use. `bat-node.ts` implements it.
import type {
  AuditOptions,
  DownloadOptions,
  DownloadResult,
  FileAudit,
  FileEntry,
  FileInfo,
  FlowOptions,
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
  usage(): StoreUsage;
}
