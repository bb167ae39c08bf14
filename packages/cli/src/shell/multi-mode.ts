// pure: what `MM` needs: more nodes on this computer, until the shell ends.

export interface StartedNode {
  readonly name: string;
  readonly nodeId: string;
  /** `host:port`. */
  readonly kad: string;
  readonly bat: string;
}

export interface MultiModeOptions {
  /** Name of the network that they are of. */
  readonly network: string;
  /** Kad addresses of members that they join through. */
  readonly join: readonly string[];
  readonly signal: AbortSignal;
}

export interface MultiMode {
  /** Those that run by now. */
  readonly nodes: readonly StartedNode[];
  /** Starts so many more; resolves when all are ready and know one another. What was started is ended again when it rejects. */
  start(count: number, options: MultiModeOptions): Promise<readonly StartedNode[]>;
  /** Ends all. */
  end(): Promise<void>;
}
