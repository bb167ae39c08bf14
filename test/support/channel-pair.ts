// driven: both ends of data channels in one process: signals go from hand to hand instead of through brokers.
import type { DataChannelAttempt, DataChannelOptions, DataChannelTransport, IceDescription } from '@batchain/bat-node';
import type { Connection, DialFailure, PeerIdentity, Result, Runtime } from '@batchain/shared';

/** One participant. */
export interface ChannelEnd {
  readonly identity: PeerIdentity;
  readonly transport: DataChannelTransport;
}

export interface ChannelPair {
  readonly caller: Result<Connection, DialFailure>;
  /** Known a little later, or much when the caller failed. */
  readonly called: Promise<Result<Connection, DialFailure>>;
}

export interface ChannelPairOptions {
  readonly timeoutMs?: number;
  readonly callerOptions?: Partial<DataChannelOptions>;
  readonly calledOptions?: Partial<DataChannelOptions>;
  /** What the caller gets to see of the called one's description, and the other way round. */
  readonly alterAnswer?: (description: IceDescription) => IceDescription;
  /** In the same tick as the called one's connection is handed out. */
  readonly onCalled?: (connection: Connection) => void;
  readonly alterOffer?: (description: IceDescription) => IceDescription;
}

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.reason}: ${result.detail}`);
  return result.value;
}

/** Prepares both ends and connects them, as two participants do whose signals are delivered at once. */
export async function openChannel(
  runtime: Runtime,
  caller: ChannelEnd,
  called: ChannelEnd,
  options: ChannelPairOptions = {},
): Promise<ChannelPair> {
  const { timeoutMs = 10_000, alterAnswer = (same) => same, alterOffer = (same) => same } = options;
  const base = { signal: new AbortController().signal, timeoutMs };
  const near: DataChannelAttempt = value(await caller.transport.prepareCall({ ...base, ...options.callerOptions }));
  const offer = alterOffer(near.local);
  const far: DataChannelAttempt = value(await called.transport.prepareAnswer(offer, { ...base, ...options.calledOptions }));
  const nonces = { caller: runtime.entropy.bytes(16), called: runtime.entropy.bytes(16) };
  // The called end begins when it sends its answer.
  const farResult = far.connect(offer, caller.identity, nonces).then((result) => {
    if (result.ok) options.onCalled?.(result.value);
    return result;
  });
  const nearResult = await near.connect(alterAnswer(far.local), called.identity, nonces);
  return { caller: nearResult, called: farResult };
}
